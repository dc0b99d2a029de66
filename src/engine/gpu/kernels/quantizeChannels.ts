/**
 * Quantization of weights with a step for each channel (`quant/channelExponents.ts`), and the gradient in two stages.
 */

import { dimension, elementCount } from '../../../graph/tensor.js';
import { exponentLimits } from '../../../quant/index.js';
import {
  bufferOperand,
  elementwiseMain,
  float,
  kernelSource,
  linearDispatch,
  type Operand,
  tensorOperand,
  workgroupSize,
} from '../kernel.js';
import { lanesFor, wideIf } from '../lanes.js';
import type { Lowering } from '../lowering.js';
import { activationFunctions } from '../wgsl/activation.js';
import { nextPowerOfTwo, treeSum } from './sums.js';

export const quantizeChannels: Lowering<'quantizeChannels'> = (node, placement) => {
  const { x, ranges, exponents } = node.operands;
  const { y } = node.results;
  const { row, core } = node.attributes;
  const channels = dimension(exponents, 0);
  const lanes = lanesFor(channels);
  const items = elementCount(x.shape) / lanes.width;
  const { operands, parameter, finish } = kernelSource(
    {
      x: tensorOperand(placement, x, 'read'),
      ranges: tensorOperand(placement, ranges, 'read'),
      exponents: tensorOperand(placement, exponents, 'read'),
      y: tensorOperand(placement, y, 'write'),
    },
    wideIf(lanes, ['x', 'y']),
  );
  const value =
    lanes.width === 4
      ? `vec4f(${[...'xyzw'].map((part, i) => `activate(x.${part}, rangeOf(c + ${i}u))`).join(', ')})`
      : 'activate(x, rangeOf(c))';
  const body = `${activationFunctions({ type: 'quantize', row, core, signed: true })}
${channelRanges(operands, parameter(2 * row))}
${elementwiseMain(
  items,
  `let x = ${lanes.load(operands.x, 'i')};
  let c = i % ${channels / lanes.width}u * ${lanes.width}u;
  ${lanes.store(operands.y, 'i', value)}`,
)}`;
  return [finish(`quantizeChannels ${y.name}`, linearDispatch(items), body)];
};

/**
 * An invocation takes every so many rows of one channel; a workgroup has up to 64 neighbouring channels. Another
 * workgroup turns the sums of the channels into gradients.
 */
export const quantizeChannelsGradient: Lowering<'quantizeChannelsGradient'> = (node, placement) => {
  const { x, ranges, exponents, dy } = node.operands;
  const { dx, dexponents, sums } = node.results;
  const { row, core } = node.attributes;
  const channels = dimension(exponents, 0);
  const rows = elementCount(x.shape) / channels;
  const columns = Math.min(64, nextPowerOfTwo(channels));
  const rowsAtOnce = workgroupSize / columns;
  const groups = Math.min(mostRowGroups, Math.ceil(rows / (8 * rowsAtOnce)));
  const partials = placement.scratch(2 * groups * channels);
  const label = `quantizeChannelsGradient ${dx.name}`;

  const reduce = kernelSource({
    x: tensorOperand(placement, x, 'read'),
    ranges: tensorOperand(placement, ranges, 'read'),
    exponents: tensorOperand(placement, exponents, 'read'),
    dy: tensorOperand(placement, dy, 'read'),
    dx: tensorOperand(placement, dx, 'write'),
    partials: bufferOperand(partials, 'write'),
  });
  const from = reduce.operands;
  const reduceBody = `${activationFunctions({ type: 'quantize', row, core, signed: true })}
${channelRanges(from, reduce.parameter(2 * row))}
var<workgroup> lanes: array<vec2f, ${workgroupSize}>;
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  let c = group.x * ${columns}u + t % ${columns}u;
  var sum = vec2f(0.0);
  if (c < ${channels}u) {
    let range = rangeOf(c);
    for (var row = group.y * ${rowsAtOnce}u + t / ${columns}u; row < ${rows}u; row += ${groups * rowsAtOnce}u) {
      let i = row * ${channels}u + c;
      let x = ${from.x.load('i')};
      let g = ${from.dy.load('i')};
      ${from.dx.store('i', 'g * inputFactor(x, range)')}
      sum += g * rangeFactors(x, range);
    }
  }
  lanes[t] = sum;
  ${treeSum('lanes', workgroupSize, columns)}
  if (t < ${columns}u && c < ${channels}u) {
    let at = 2u * (group.y * ${channels}u + c);
    ${from.partials.store('at', 'lanes[t].x')}
    ${from.partials.store('at + 1u', 'lanes[t].y')}
  }
}
`;

  const add = kernelSource({
    partials: bufferOperand(partials, 'read'),
    ranges: tensorOperand(placement, ranges, 'read'),
    exponents: tensorOperand(placement, exponents, 'read'),
    dexponents: tensorOperand(placement, dexponents, 'write'),
    sums: tensorOperand(placement, sums, 'write'),
  });
  const { operands } = add;
  const addBody = `${activationFunctions(null)}
${channelRanges(operands, add.parameter(2 * row))}
var<workgroup> lanes: array<vec2f, ${workgroupSize}>;
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(local_invocation_index) t: u32) {
  var total = vec2f(0.0);
  for (var c = t; c < ${channels}u; c += ${workgroupSize}u) {
    var sum = vec2f(0.0);
    for (var at = 2u * c; at < ${2 * groups * channels}u; at += ${2 * channels}u) {
      sum += vec2f(${operands.partials.load('at')}, ${operands.partials.load('at + 1u')});
    }
    let exponent = ${operands.exponents.load('c')};
    let range = rangeOf(c);
    var gradient = ${float(Math.LN2)} * dot(vec2f(range.e0, range.e1), sum);
    if (exponent >= ${high}) { gradient = max(gradient, 0.0); }
    else if (exponent <= ${low}) { gradient = min(gradient, 0.0); }
    ${operands.dexponents.store('c', 'gradient')}
    total += scaleOf(c) * sum;
  }
  lanes[t] = total;
  ${treeSum('lanes', workgroupSize)}
  if (t < 2u) { ${operands.sums.store('t', 'lanes[0][t]')} }
}
`;
  return [
    reduce.finish(label, [Math.ceil(channels / columns), groups], reduceBody),
    add.finish(`${label} sums`, [1], addBody),
  ];
};

/** Most workgroups along the rows: their sums are added by one invocation for each channel. */
const mostRowGroups = 64;

const [low, high] = [float(exponentLimits.min), float(exponentLimits.max)];

/** Declares `scaleOf(c)` and `rangeOf(c)`, the effective range of a channel. `first`: offset of the tensor's range. */
function channelRanges(
  { ranges, exponents }: Readonly<Record<'ranges' | 'exponents', Operand>>,
  first: string,
): string {
  return `
fn scaleOf(c: u32) -> f32 {
  return powerOfTwo(i32(roundHalfAway(limit(${exponents.load('c')}, ${low}, ${high}))));
}
fn rangeOf(c: u32) -> Range {
  let scale = scaleOf(c);
  let e0 = scale * ${ranges.load(first)};
  return Range(e0, scale * ${ranges.load(`${first} + 1u`)}, inverse(e0));
}`;
}
