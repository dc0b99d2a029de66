/** Element-wise operations: activation, sum of two tensors, product with a factor; and their gradients. */

import type { Node } from '../../../graph/graph.js';
import { elementCount } from '../../../graph/tensor.js';
import {
  bufferOperand,
  elementwiseMain,
  type KernelCall,
  kernelSource,
  linearDispatch,
  type Placement,
  tensorOperand,
  workgroupSize,
} from '../kernel.js';
import { lanesFor, wideIf } from '../lanes.js';
import type { Lowering } from '../lowering.js';
import { activationFunctions, loadRange } from '../wgsl/activation.js';
import { activationGradients, activations } from './activations.js';
import { finishSums, mostPartials, treeSum } from './sums.js';

export const activation: Lowering<'activation'> = (node, placement) => [activations([node], placement)];

export const activationGradient: Lowering<'activationGradient'> = (node, placement) => {
  const { x, ranges, dy } = node.operands;
  const { dx, sums } = node.results;
  if (sums) return activationGradients([node], placement);
  const length = elementCount(x.shape);
  const lanes = lanesFor(length);
  const { operands, parameter, finish } = kernelSource(
    {
      x: tensorOperand(placement, x, 'read'),
      ranges: ranges && tensorOperand(placement, ranges, 'read'),
      dy: tensorOperand(placement, dy, 'read'),
      dx: tensorOperand(placement, dx, 'write'),
    },
    wideIf(lanes, ['x', 'dy', 'dx']),
  );
  const { activation } = node.attributes;
  const factor = `inputFactor${lanes.suffix}(${lanes.load(operands.x, 'i')}, range)`;
  const gradient = lanes.store(operands.dx, 'i', `${lanes.load(operands.dy, 'i')} * ${factor}`);
  const body =
    activationFunctions(activation) +
    elementwiseMain(length / lanes.width, gradient, loadRange(activation, operands.ranges, parameter));
  return [finish(`activationGradient ${dx.name}`, linearDispatch(length / lanes.width), body)];
};

export const add: Lowering<'add'> = (node, placement) => {
  const { a, b } = node.operands;
  const { y } = node.results;
  const length = elementCount(y.shape);
  const lanes = lanesFor(length);
  const { operands, finish } = kernelSource(
    {
      a: tensorOperand(placement, a, 'read'),
      b: tensorOperand(placement, b, 'read'),
      y: tensorOperand(placement, y, 'write'),
    },
    wideIf(lanes, ['a', 'b', 'y']),
  );
  const sum = `${lanes.load(operands.a, 'i')} + ${lanes.load(operands.b, 'i')}`;
  const body = elementwiseMain(length / lanes.width, lanes.store(operands.y, 'i', sum));
  return [finish(`add ${y.name}`, linearDispatch(length / lanes.width), body)];
};

export const copy: Lowering<'copy'> = (node, placement) => copied(node, placement);

/** The same numbers in another shape. */
export const flatten: Lowering<'flatten'> = (node, placement) => copied(node, placement);

export const unflatten: Lowering<'unflatten'> = (node, placement) => copied(node, placement);

function copied(node: Node<'copy' | 'flatten' | 'unflatten'>, placement: Placement): KernelCall[] {
  const { x } = node.operands;
  const { y } = node.results;
  const length = elementCount(x.shape);
  const lanes = lanesFor(length);
  const { operands, finish } = kernelSource(
    { x: tensorOperand(placement, x, 'read'), y: tensorOperand(placement, y, 'write') },
    wideIf(lanes, ['x', 'y']),
  );
  const body = elementwiseMain(length / lanes.width, lanes.store(operands.y, 'i', lanes.load(operands.x, 'i')));
  return [finish(`${node.op} ${y.name}`, linearDispatch(length / lanes.width), body)];
}

export const scale: Lowering<'scale'> = (node, placement) => {
  const { x, factor } = node.operands;
  const { y } = node.results;
  const length = elementCount(x.shape);
  const lanes = lanesFor(length);
  const { operands, finish } = kernelSource(
    {
      x: tensorOperand(placement, x, 'read'),
      factor: tensorOperand(placement, factor, 'read'),
      y: tensorOperand(placement, y, 'write'),
    },
    wideIf(lanes, ['x', 'y']),
  );
  const product = `${lanes.load(operands.x, 'i')} * ${operands.factor.load('0u')}`;
  const body = elementwiseMain(length / lanes.width, lanes.store(operands.y, 'i', product));
  return [finish(`scale ${y.name}`, linearDispatch(length / lanes.width), body)];
};

export const scaleGradient: Lowering<'scaleGradient'> = (node, placement) => {
  const { x, factor, dy } = node.operands;
  const { dx, dfactor } = node.results;
  const length = elementCount(x.shape);
  const lanes = lanesFor(length);
  const items = length / lanes.width;
  const groups = Math.min(Math.ceil(items / workgroupSize), mostPartials);
  const partials = placement.scratch(groups);
  const { operands, finish } = kernelSource(
    {
      x: tensorOperand(placement, x, 'read'),
      factor: tensorOperand(placement, factor, 'read'),
      dy: tensorOperand(placement, dy, 'read'),
      dx: tensorOperand(placement, dx, 'write'),
      partials: bufferOperand(partials, 'write'),
    },
    wideIf(lanes, ['x', 'dy', 'dx']),
  );
  const body = `
var<workgroup> lanes: array<f32, ${workgroupSize}>;
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  var sum = 0.0;
  for (var i = group.x * ${workgroupSize}u + t; i < ${items}u; i += ${groups * workgroupSize}u) {
    let g = ${lanes.load(operands.dy, 'i')};
    sum += ${lanes.sum(`g * ${lanes.load(operands.x, 'i')}`)};
    ${lanes.store(operands.dx, 'i', `g * ${operands.factor.load('0u')}`)}
  }
  lanes[t] = sum;
  ${treeSum('lanes', workgroupSize)}
  if (t == 0u) { ${operands.partials.store('group.x', 'lanes[0]')} }
}
`;
  const label = `scaleGradient ${dx.name}`;
  return [
    finish(label, [groups], body),
    finishSums(placement, `${label} sum`, [{ partials, start: 0, rows: groups, results: [dfactor] }]),
  ];
};
