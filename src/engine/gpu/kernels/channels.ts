/** Operations on the channels of pixels: slice, concatenation, shuffle, bias, product. */

import { channelsOf, elementCount, nhwc } from '../../../graph/tensor.js';
import {
  bufferOperand,
  elementwiseMain,
  kernelSource,
  linearDispatch,
  tensorOperand,
  workgroupSize,
} from '../kernel.js';
import { type Lanes, lanesFor, wideIf } from '../lanes.js';
import type { Lowering } from '../lowering.js';
import { forOwnPixels, pixelPass, workgroupMain } from './pixelPass.js';
import { columnSums, finishSums, mostPartials, storeComponents } from './sums.js';

export const concat: Lowering<'concat'> = (node, placement) => {
  const { a, b } = node.operands;
  const { y } = node.results;
  const lanes = lanesOfAll(channelsOf(a), channelsOf(b));
  const [before, behind] = [channelsOf(a) / lanes.width, channelsOf(b) / lanes.width];
  const { operands, finish } = kernelSource(
    {
      a: tensorOperand(placement, a, 'read'),
      b: tensorOperand(placement, b, 'read'),
      y: tensorOperand(placement, y, 'write'),
    },
    wideIf(lanes, ['a', 'b', 'y']),
  );
  const items = elementCount(y.shape) / lanes.width;
  const body = elementwiseMain(
    items,
    `let row = i / ${before + behind}u;
  let c = i % ${before + behind}u;
  var value = ${lanes.type}();
  if (c < ${before}u) { value = ${lanes.load(operands.a, `row * ${before}u + c`)}; }
  else { value = ${lanes.load(operands.b, `row * ${behind}u + c - ${before}u`)}; }
  ${lanes.store(operands.y, 'i', 'value')}`,
  );
  return [finish(`concat ${y.name}`, linearDispatch(items), body)];
};

export const slice: Lowering<'slice'> = (node, placement) => {
  const { x } = node.operands;
  const { y } = node.results;
  const { first, channels } = node.attributes;
  const lanes = lanesOfAll(channelsOf(x), first, channels);
  const [all, taken] = [channelsOf(x) / lanes.width, channels / lanes.width];
  const { operands, parameter, finish } = kernelSource(
    { x: tensorOperand(placement, x, 'read'), y: tensorOperand(placement, y, 'write') },
    wideIf(lanes, ['x', 'y']),
  );
  const items = elementCount(y.shape) / lanes.width;
  const from = `i / ${taken}u * ${all}u + i % ${taken}u + ${parameter(first / lanes.width)}`;
  const body = elementwiseMain(items, lanes.store(operands.y, 'i', lanes.load(operands.x, from)));
  return [finish(`slice ${y.name}`, linearDispatch(items), body)];
};

export const sliceGradient: Lowering<'sliceGradient'> = (node, placement) => {
  const { dy, addend } = node.operands;
  const { dx } = node.results;
  const { first, channels } = node.attributes;
  const lanes = lanesOfAll(channelsOf(dx), first, channels);
  const [all, taken] = [channelsOf(dx) / lanes.width, channels / lanes.width];
  const { operands, parameter, finish } = kernelSource(
    {
      dy: tensorOperand(placement, dy, 'read'),
      addend: addend && tensorOperand(placement, addend, 'read'),
      dx: tensorOperand(placement, dx, 'write'),
    },
    wideIf(lanes, ['dy', 'addend', 'dx']),
  );
  const items = elementCount(dx.shape) / lanes.width;
  const body = elementwiseMain(
    items,
    `let c = i % ${all}u - ${parameter(first / lanes.width)};
  var value = ${addend ? lanes.load(operands.addend, 'i') : `${lanes.type}()`};
  if (c < ${taken}u) { value += ${lanes.load(operands.dy, `i / ${all}u * ${taken}u + c`)}; }
  ${lanes.store(operands.dx, 'i', 'value')}`,
  );
  return [finish(`sliceGradient ${dx.name}`, linearDispatch(items), body)];
};

export const shuffleChannels: Lowering<'shuffleChannels'> = (node, placement) => {
  const { x } = node.operands;
  const { y } = node.results;
  const { groups } = node.attributes;
  const channels = channelsOf(x);
  const { operands, finish } = kernelSource({
    x: tensorOperand(placement, x, 'read'),
    y: tensorOperand(placement, y, 'write'),
  });
  const items = elementCount(y.shape);
  const from = `i - c + c % ${groups}u * ${channels / groups}u + c / ${groups}u`;
  const body = elementwiseMain(items, `let c = i % ${channels}u; ${operands.y.store('i', operands.x.load(from))}`);
  return [finish(`shuffleChannels ${y.name}`, linearDispatch(items), body)];
};

export const bias: Lowering<'bias'> = (node, placement) => {
  const { x, b } = node.operands;
  const { y } = node.results;
  const lanes = lanesFor(channelsOf(x));
  const { operands, finish } = kernelSource(
    {
      x: tensorOperand(placement, x, 'read'),
      b: tensorOperand(placement, b, 'read'),
      y: tensorOperand(placement, y, 'write'),
    },
    wideIf(lanes, ['x', 'b', 'y']),
  );
  const items = elementCount(y.shape) / lanes.width;
  const sum = `${lanes.load(operands.x, 'i')} + ${lanes.load(operands.b, `i % ${channelsOf(x) / lanes.width}u`)}`;
  const body = elementwiseMain(items, lanes.store(operands.y, 'i', sum));
  return [finish(`bias ${y.name}`, linearDispatch(items), body)];
};

/** A workgroup sums rows of its own; a second kernel adds the workgroups' sums. */
export const biasGradient: Lowering<'biasGradient'> = (node, placement) => {
  const { dy } = node.operands;
  const { db } = node.results;
  const lanes = lanesFor(channelsOf(dy));
  const pass = pixelPass(dy, lanes, mostPartials);
  const { channels, perPixel, across, groups } = pass;
  const partials = placement.scratch(groups * channels);
  const { operands, finish } = kernelSource(
    { dy: tensorOperand(placement, dy, 'read'), partials: bufferOperand(partials, 'write') },
    wideIf(lanes, ['dy']),
  );
  const body = `var<workgroup> sums: array<${lanes.type}, ${workgroupSize}>;
${workgroupMain(`var sum = ${lanes.type}();
  ${forOwnPixels(pass, '', `sum += ${lanes.load(operands.dy, 'i')};`)}
  sums[t] = sum;
  ${columnSums(['sums'], pass)}
  if (t < ${across}u && c < ${perPixel}u) {
    ${storeComponents(lanes, operands.partials, `group.x * ${channels}u + ${lanes.width}u * c`, 'sums[t]')}
  }`)}`;
  const label = `biasGradient ${db.name}`;
  return [
    finish(label, pass.workgroups, body),
    finishSums(placement, `${label} sum`, [{ partials, start: 0, rows: groups, results: [db] }]),
  ];
};

export const multiplyChannels: Lowering<'multiplyChannels'> = (node, placement) => {
  const { x, factor } = node.operands;
  const { y } = node.results;
  const [, height, width, channels] = nhwc(x);
  const lanes = lanesFor(channels);
  const perPixel = channels / lanes.width;
  const { operands, finish } = kernelSource(
    {
      x: tensorOperand(placement, x, 'read'),
      factor: tensorOperand(placement, factor, 'read'),
      y: tensorOperand(placement, y, 'write'),
    },
    wideIf(lanes, ['x', 'factor', 'y']),
  );
  const items = elementCount(y.shape) / lanes.width;
  const of = lanes.load(operands.factor, `i / ${height * width * perPixel}u * ${perPixel}u + i % ${perPixel}u`);
  const body = elementwiseMain(items, lanes.store(operands.y, 'i', `${lanes.load(operands.x, 'i')} * ${of}`));
  return [finish(`multiplyChannels ${y.name}`, linearDispatch(items), body)];
};

/** First the factors' gradients, one invocation each; then the gradient of x, which may overwrite their operands. */
export const multiplyChannelsGradient: Lowering<'multiplyChannelsGradient'> = (node, placement) => {
  const { x, factor, dy } = node.operands;
  const { dx, dfactor } = node.results;
  const [batch, height, width, channels] = nhwc(x);
  const lanes = lanesFor(channels);
  const perPixel = channels / lanes.width;
  const perImage = height * width * perPixel;
  const sums = kernelSource(
    {
      x: tensorOperand(placement, x, 'read'),
      dy: tensorOperand(placement, dy, 'read'),
      dfactor: tensorOperand(placement, dfactor, 'write'),
    },
    wideIf(lanes, ['x', 'dy', 'dfactor']),
  );
  const sum = elementwiseMain(
    batch * perPixel,
    `let first = i / ${perPixel}u * ${perImage}u + i % ${perPixel}u;
  var sum = ${lanes.type}();
  for (var at = first; at < first + ${perImage}u; at += ${perPixel}u) {
    sum += ${lanes.load(sums.operands.x, 'at')} * ${lanes.load(sums.operands.dy, 'at')};
  }
  ${lanes.store(sums.operands.dfactor, 'i', 'sum')}`,
  );
  const { operands, finish } = kernelSource(
    {
      dy: tensorOperand(placement, dy, 'read'),
      factor: tensorOperand(placement, factor, 'read'),
      dx: tensorOperand(placement, dx, 'write'),
    },
    wideIf(lanes, ['dy', 'factor', 'dx']),
  );
  const items = elementCount(dx.shape) / lanes.width;
  const of = lanes.load(operands.factor, `i / ${perImage}u * ${perPixel}u + i % ${perPixel}u`);
  const product = elementwiseMain(items, lanes.store(operands.dx, 'i', `${lanes.load(operands.dy, 'i')} * ${of}`));
  return [
    sums.finish(`multiplyChannelsGradient ${dfactor.name}`, linearDispatch(batch * perPixel), sum),
    finish(`multiplyChannelsGradient ${dx.name}`, linearDispatch(items), product),
  ];
};

/** Lanes for rows of all these lengths. */
function lanesOfAll(...lengths: readonly number[]): Lanes {
  return lanesFor(lengths.find((length) => length % 4 !== 0) ?? 0);
}
