/**
 * Activations of several tensors in one dispatch, and their gradients. They are of one kind, while their quantizers' rows
 * differ; each tensor has a branch of the kernel, with invocations or workgroups of its own.
 */

import type { Node } from '../../../graph/graph.js';
import { elementCount } from '../../../graph/tensor.js';
import {
  branches,
  bufferOperand,
  elementwiseMain,
  type KernelCall,
  kernelSource,
  linearDispatch,
  type OperandRequest,
  type Placement,
  tensorOperand,
  workgroupSize,
} from '../kernel.js';
import { lanesFor, wideIf } from '../lanes.js';
import { activationFunctions, loadRange } from '../wgsl/activation.js';
import { finishSums, mostPartials, treeSum } from './sums.js';

export function activations(nodes: readonly Node<'activation'>[], placement: Placement): KernelCall {
  const parts = nodes.map(partOf);
  const { operands, parameter, finish } = kernelSource(
    requestsOf(nodes, placement, ({ operands: { x }, results: { y } }) => ({
      x: tensorOperand(placement, x, 'read'),
      y: tensorOperand(placement, y, 'write'),
    })),
    parts.flatMap(({ lanes }, index) => wideIf(lanes, [`x${index}`, `y${index}`])),
  );
  const count = parts.reduce((sum, { items }) => sum + items, 0);
  const each = branches(
    'i',
    parts.map(({ items }) => items),
    (index, begin) => {
      const { lanes } = parts[index]!;
      const value = `activate${lanes.suffix}(${lanes.load(operands[`x${index}`]!, 'at')}, range)`;
      return `let at = i - ${begin}u;
    ${loadRange(nodes[index]!.attributes.activation, operands.ranges, parameter)}
    ${lanes.store(operands[`y${index}`]!, 'at', value)}`;
    },
  );
  const label = `activation ${nodes.map(({ results }) => results.y.name).join(', ')}`;
  return finish(label, linearDispatch(count), activationsOf(nodes) + elementwiseMain(count, each));
}

/** Gradients with the two sums that each quantizer wants, which a second kernel finishes unless one workgroup has them all. */
export function activationGradients(nodes: readonly Node<'activationGradient'>[], placement: Placement): KernelCall[] {
  const parts = nodes.map(partOf);
  const groups = parts.map(({ items }) => sumGroups(items));
  const count = groups.reduce((sum, each) => sum + each, 0);
  const partials = count > 1 ? placement.scratch(2 * count) : null;
  const results = nodes.map(({ results: { sums } }) => sums!);
  const { operands, parameter, finish } = kernelSource<string>(
    {
      ...requestsOf(nodes, placement, ({ operands: { x, dy }, results: { dx } }) => ({
        x: tensorOperand(placement, x, 'read'),
        dy: tensorOperand(placement, dy, 'read'),
        dx: tensorOperand(placement, dx, 'write'),
      })),
      sums: partials ? bufferOperand(partials, 'write') : tensorOperand(placement, results[0]!, 'write'),
    },
    parts.flatMap(({ lanes }, index) => wideIf(lanes, [`x${index}`, `dy${index}`, `dx${index}`])),
  );
  const starts: number[] = [];
  const each = branches('group.x', groups, (index, begin) => {
    starts.push(2 * begin);
    const { lanes, items } = parts[index]!;
    return `${loadRange(nodes[index]!.attributes.activation, operands.ranges, parameter)}
    for (var i = (group.x - ${begin}u) * ${workgroupSize}u + t; i < ${items}u; i += ${groups[index]! * workgroupSize}u) {
      let x = ${lanes.load(operands[`x${index}`]!, 'i')};
      let g = ${lanes.load(operands[`dy${index}`]!, 'i')};
      ${lanes.store(operands[`dx${index}`]!, 'i', `g * inputFactor${lanes.suffix}(x, range)`)}
      sum += ${lanes.width === 4 ? 'rangeSums4(x, g, range)' : 'g * rangeFactors(x, range)'};
    }`;
  });
  const body = `${activationsOf(nodes)}
var<workgroup> lanes: array<vec2f, ${workgroupSize}>;
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  var sum = vec2f(0.0);
  ${each}
  lanes[t] = sum;
  ${treeSum('lanes', workgroupSize)}
  if (t < 2u) { ${operands.sums!.store('2u * group.x + t', 'lanes[0][t]')} }
}
`;
  const label = `activationGradient ${nodes.map(({ results: { dx } }) => dx.name).join(', ')}`;
  const reduce = finish(label, [count], body);
  if (!partials) return [reduce];
  const tables = groups.map((rows, index) => ({ partials, start: starts[index]!, rows, results: [results[index]!] }));
  return [reduce, finishSums(placement, `${label} sums`, tables)];
}

/** One workgroup if a few rounds of it cost no more than a second kernel, as for the weights of most layers. */
function sumGroups(items: number): number {
  return items <= 9 * workgroupSize ? 1 : Math.min(Math.ceil(items / workgroupSize), mostPartials);
}

type Activated = Node<'activation' | 'activationGradient'>;

function partOf({ operands: { x } }: Activated) {
  const length = elementCount(x.shape);
  const lanes = lanesFor(length);
  return { lanes, items: length / lanes.width };
}

/** The ranges, which all nodes share, and operands of each, whose names end in its number. */
function requestsOf<N extends Activated>(
  nodes: readonly N[],
  placement: Placement,
  own: (node: N) => Readonly<Record<string, OperandRequest>>,
): Record<string, OperandRequest | null> {
  const { ranges } = nodes[0]!.operands;
  const requests = nodes.flatMap((node, index) =>
    Object.entries(own(node)).map(([name, request]) => [`${name}${index}`, request] as const),
  );
  return { ranges: ranges && tensorOperand(placement, ranges, 'read'), ...Object.fromEntries(requests) };
}

function activationsOf([first]: readonly Activated[]): string {
  return activationFunctions(first!.attributes.activation);
}
