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
import { finishSums, mostPartials, treeSum } from './sums.js';

export const activation: Lowering<'activation'> = (node, placement) => {
  const { x, ranges } = node.operands;
  const { y } = node.results;
  const length = elementCount(x.shape);
  const lanes = lanesFor(length);
  const { operands, parameter, finish } = kernelSource(
    {
      x: tensorOperand(placement, x, 'read'),
      ranges: ranges && tensorOperand(placement, ranges, 'read'),
      y: tensorOperand(placement, y, 'write'),
    },
    wideIf(lanes, ['x', 'y']),
  );
  const { activation } = node.attributes;
  const prologue = loadRange(activation, operands.ranges, parameter);
  const value = `activate${lanes.suffix}(${lanes.load(operands.x, 'i')}, range)`;
  const body =
    activationFunctions(activation) +
    elementwiseMain(length / lanes.width, lanes.store(operands.y, 'i', value), prologue);
  return [finish(`activation ${y.name}`, linearDispatch(length / lanes.width), body)];
};

export const activationGradient: Lowering<'activationGradient'> = (node, placement) => {
  const { x, ranges, dy } = node.operands;
  const { dx, sums } = node.results;
  const length = elementCount(x.shape);
  const lanes = lanesFor(length);
  const items = length / lanes.width;
  const groups = sums ? sumGroups(items) : 0;
  const partials = groups > 1 ? placement.scratch(2 * groups) : null;
  const { operands, parameter, finish } = kernelSource(
    {
      x: tensorOperand(placement, x, 'read'),
      ranges: ranges && tensorOperand(placement, ranges, 'read'),
      dy: tensorOperand(placement, dy, 'read'),
      dx: tensorOperand(placement, dx, 'write'),
      sums: partials ? bufferOperand(partials, 'write') : sums && tensorOperand(placement, sums, 'write'),
    },
    wideIf(lanes, ['x', 'dy', 'dx']),
  );
  const { activation } = node.attributes;
  const prologue = loadRange(activation, operands.ranges, parameter);
  const gradient = `let x = ${lanes.load(operands.x, 'i')};
    let g = ${lanes.load(operands.dy, 'i')};
    ${lanes.store(operands.dx, 'i', `g * inputFactor${lanes.suffix}(x, range)`)}`;
  const label = `activationGradient ${dx.name}`;
  if (!sums) {
    const body = activationFunctions(activation) + elementwiseMain(items, gradient, prologue);
    return [finish(label, linearDispatch(items), body)];
  }
  const contribution = lanes.width === 4 ? 'rangeSums4(x, g, range)' : 'g * rangeFactors(x, range)';
  const body = `${activationFunctions(activation)}
var<workgroup> lanes: array<vec2f, ${workgroupSize}>;
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  ${prologue}
  var sum = vec2f(0.0);
  for (var i = group.x * ${workgroupSize}u + t; i < ${items}u; i += ${groups * workgroupSize}u) {
    ${gradient}
    sum += ${contribution};
  }
  lanes[t] = sum;
  ${treeSum('lanes', workgroupSize)}
  if (t < 2u) { ${operands.sums.store('2u * group.x + t', 'lanes[0][t]')} }
}
`;
  const reduce = finish(label, [groups], body);
  return partials
    ? [reduce, finishSums(placement, `${label} sums`, [{ partials, start: 0, rows: groups, results: [sums] }])]
    : [reduce];
};

/** One workgroup if a few rounds of it cost no more than a second kernel, as for the weights of most layers. */
function sumGroups(items: number): number {
  return items <= 9 * workgroupSize ? 1 : Math.min(Math.ceil(items / workgroupSize), mostPartials);
}

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
