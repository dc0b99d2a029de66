/** Pooling and its gradients, and the subsampling shortcut: one invocation for each element, nothing shared. */

import type { Node } from '../../../graph/graph.js';
import { dimension, elementCount, nhwc } from '../../../graph/tensor.js';
import {
  elementwiseMain,
  float,
  type KernelCall,
  kernelSource,
  linearDispatch,
  type Placement,
  tensorOperand,
} from '../kernel.js';
import { type Lanes, lanesFor, wideIf } from '../lanes.js';
import type { Lowering } from '../lowering.js';
import { activationFunctions, loadRange } from '../wgsl/activation.js';
import { mostGroups, normalisation, normOperands } from './batchNorm.js';
import { forOwnPixels, pixelPass, workgroupMain } from './pixelPass.js';
import { findMaximum, gradientBlocks } from './poolWindows.js';
import { outputsThatSee, pixelPosition, pixelsSeen, position } from './windowPlaces.js';

export const subsample: Lowering<'subsample'> = (node, placement) => {
  const { x } = node.operands;
  const { y } = node.results;
  const [, height, width, channels] = nhwc(x);
  const [, outputHeight, outputWidth, outputChannels] = nhwc(y);
  const { stride, extraChannels } = node.attributes;
  const lanes = lanesOfBoth(channels, extraChannels);
  const { operands, finish } = kernelSource(
    { x: tensorOperand(placement, x, 'read'), y: tensorOperand(placement, y, 'write') },
    wideIf(lanes, ['x', 'y']),
  );
  const items = elementCount(y.shape) / lanes.width;
  const perPixel = channels / lanes.width;
  const at = `((n * ${height}u + h * ${stride}u) * ${width}u + w * ${stride}u) * ${perPixel}u + c`;
  const body = elementwiseMain(
    items,
    `${position('i', outputHeight, outputWidth, outputChannels / lanes.width)}
  var value = ${lanes.type}();
  if (c < ${perPixel}u) { value = ${lanes.load(operands.x, at)}; }
  ${lanes.store(operands.y, 'i', 'value')}`,
  );
  return [finish(`subsample ${y.name}`, linearDispatch(items), body)];
};

export const subsampleGradient: Lowering<'subsampleGradient'> = (node, placement) => {
  const { dy } = node.operands;
  const { dx } = node.results;
  const [, outputHeight, outputWidth, outputChannels] = nhwc(dy);
  const [, height, width, channels] = nhwc(dx);
  const { stride, extraChannels, learning = channels } = node.attributes;
  const lanes = lanesOfBoth(channels, extraChannels);
  const { operands, finish } = kernelSource(
    { dy: tensorOperand(placement, dy, 'read'), dx: tensorOperand(placement, dx, 'write') },
    wideIf(lanes, ['dy', 'dx']),
  );
  const items = elementCount(dx.shape) / lanes.width;
  const row = `(n * ${outputHeight}u + h / ${stride}u) * ${outputWidth}u + w / ${stride}u`;
  const body = elementwiseMain(
    items,
    `${position('i', height, width, channels / lanes.width)}
  var value = ${lanes.type}();
  if (h % ${stride}u == 0u && w % ${stride}u == 0u) {
    value = ${lanes.load(operands.dy, `(${row}) * ${outputChannels / lanes.width}u + c`)};${learning < channels ? `\n    ${learningOnly(learning, lanes)}` : ''}
  }
  ${lanes.store(operands.dx, 'i', 'value')}`,
  );
  return [finish(`subsampleGradient ${dx.name}`, linearDispatch(items), body)];
};

/** WGSL that makes the value of channels zero that are not among the first ones. */
function learningOnly(learning: number, { width, type }: Lanes): string {
  const places = [...Array(width).keys()].map((lane) => `c * ${width}u + ${lane}u < ${learning}u`);
  return `value = select(${type}(), value, ${width === 1 ? places[0] : `vec4<bool>(${places.join(', ')})`});`;
}

/** Lanes for pixels with `channels` and for those with `extraChannels` more. */
function lanesOfBoth(channels: number, extraChannels: number): Lanes {
  return lanesFor(channels % 4 === 0 ? extraChannels : channels);
}

export const globalAveragePool: Lowering<'globalAveragePool'> = (node, placement) => {
  const { x } = node.operands;
  const { y } = node.results;
  const [, height, width, channels] = nhwc(x);
  const area = height * width;
  const { operands, finish } = kernelSource({
    x: tensorOperand(placement, x, 'read'),
    y: tensorOperand(placement, y, 'write'),
  });
  const length = elementCount(y.shape);
  const body = elementwiseMain(
    length,
    `let first = i / ${channels}u * ${area * channels}u + i % ${channels}u;
  var sum = 0.0;
  for (var pixel = 0u; pixel < ${area}u; pixel++) { sum += ${operands.x.load(`first + pixel * ${channels}u`)}; }
  ${operands.y.store('i', `sum * ${float(1 / area)}`)}`,
  );
  return [finish(`globalAveragePool ${y.name}`, linearDispatch(length), body)];
};

export const globalAveragePoolGradient: Lowering<'globalAveragePoolGradient'> = (node, placement) => {
  const { dy } = node.operands;
  const { dx } = node.results;
  const [, height, width, channels] = nhwc(dx);
  const area = height * width;
  const { operands, finish } = kernelSource({
    dy: tensorOperand(placement, dy, 'read'),
    dx: tensorOperand(placement, dx, 'write'),
  });
  const length = elementCount(dx.shape);
  const from = operands.dy.load(`i / ${area * channels}u * ${channels}u + i % ${channels}u`);
  const body = elementwiseMain(length, operands.dx.store('i', `${from} * ${float(1 / area)}`));
  return [finish(`globalAveragePoolGradient ${dx.name}`, linearDispatch(length), body)];
};

/** The mean of each window. */
export const averagePool: Lowering<'averagePool'> = (node, placement) => {
  const { x } = node.operands;
  const { y } = node.results;
  const [, height, width, channels] = nhwc(x);
  const [, outputHeight, outputWidth] = nhwc(y);
  const window = node.attributes;
  const lanes = lanesFor(channels);
  const { operands, finish } = kernelSource(
    { x: tensorOperand(placement, x, 'read'), y: tensorOperand(placement, y, 'write') },
    wideIf(lanes, ['x', 'y']),
  );
  const perPixel = channels / lanes.width;
  const items = elementCount(y.shape) / lanes.width;
  const rows = pixelsSeen('h', height, window.rows);
  const columns = pixelsSeen('w', width, window.columns);
  const body = elementwiseMain(
    items,
    `${position('i', outputHeight, outputWidth, perPixel)}
  var sum = ${lanes.type}();
  for (var row = ${rows.first}; row < ${rows.end}; row += ${window.rows.dilation}u) {
    for (var column = ${columns.first}; column < ${columns.end}; column += ${window.columns.dilation}u) {
      sum += ${lanes.load(operands.x, `((n * ${height}u + row) * ${width}u + column) * ${perPixel}u + c`)};
    }
  }
  ${lanes.store(operands.y, 'i', `sum * ${shareOf(window, rows, columns)}`)}`,
  );
  return [finish(`averagePool ${y.name}`, linearDispatch(items), body)];
};

/** Every pixel sums its shares of the windows that contain it, in their order. */
export const averagePoolGradient: Lowering<'averagePoolGradient'> = (node, placement) => {
  const { dy } = node.operands;
  const { dx } = node.results;
  const [, height, width, channels] = nhwc(dx);
  const [, outputHeight, outputWidth] = nhwc(dy);
  const window = node.attributes;
  const lanes = lanesFor(channels);
  const { operands, finish } = kernelSource(
    { dy: tensorOperand(placement, dy, 'read'), dx: tensorOperand(placement, dx, 'write') },
    wideIf(lanes, ['dy', 'dx']),
  );
  const perPixel = channels / lanes.width;
  const items = elementCount(dx.shape) / lanes.width;
  const windowRows = outputsThatSee('h', window.rows.size, outputHeight, window.rows);
  const windowColumns = outputsThatSee('w', window.columns.size, outputWidth, window.columns);
  const rows = pixelsSeen('oh', height, window.rows);
  const columns = pixelsSeen('ow', width, window.columns);
  const at = `((n * ${outputHeight}u + oh) * ${outputWidth}u + ow) * ${perPixel}u + c`;
  const body = elementwiseMain(
    items,
    `${position('i', height, width, perPixel)}
  var sum = ${lanes.type}();
  for (var oh = ${windowRows.first}; oh < ${windowRows.end}; oh++) {
    ${windowRows.skip('oh')}
    for (var ow = ${windowColumns.first}; ow < ${windowColumns.end}; ow++) {
      ${windowColumns.skip('ow')}
      let share = ${shareOf(window, rows, columns)};
      sum += share * ${lanes.load(operands.dy, at)};
    }
  }
  ${lanes.store(operands.dx, 'i', 'sum')}`,
  );
  return [finish(`averagePoolGradient ${dx.name}`, linearDispatch(items), body)];
};

/** The weight of a pixel in the mean of a window with pixels of these ranges. */
function shareOf(
  { countsPadding, rows, columns }: Node<'averagePool'>['attributes'],
  down: { readonly count: string },
  across: { readonly count: string },
): string {
  if (countsPadding) return float(1 / (rows.size * columns.size));
  return `(1.0 / f32(${down.count} * (${across.count})))`;
}

/**
 * Four elements an invocation, as four positions of maxima share a word.
 *
 * @param norm the normalisation of x, which is computed here and stored nowhere, if any
 */
export function maxPool(
  node: Node<'maxPool'>,
  placement: Placement,
  norm: Node<'batchNorm'> | null = null,
): KernelCall[] {
  return norm ? maxPoolOfNorm(node, placement, norm) : maxPoolAlone(node, placement);
}

const maxPoolAlone: Lowering<'maxPool'> = (node, placement) => {
  const { x } = node.operands;
  const { y, argmax } = node.results;
  const [, outputHeight, outputWidth, channels] = nhwc(y);
  const lanes = lanesFor(channels);
  const { operands, finish } = kernelSource(
    {
      x: tensorOperand(placement, x, 'read'),
      y: tensorOperand(placement, y, 'write'),
      argmax: argmax && tensorOperand(placement, argmax, 'write'),
    },
    wideIf(lanes, ['x', 'y']),
  );
  const length = elementCount(y.shape);
  const items = Math.ceil(length / 4);
  const maximum = (i: string) => `${position(i, outputHeight, outputWidth, channels / lanes.width)}
  ${findMaximum(x.shape, node.attributes, lanes, (at) => lanes.load(operands.x, at))}
  ${lanes.store(operands.y, i, 'maximum')}`;
  const fourMaxima =
    lanes.width === 4
      ? `${maximum('i')}
  let places = place;`
      : `var places = vec4u();
  for (var j = 0u; j < min(4u, ${length}u - 4u * i); j++) {
    let element = 4u * i + j;
    ${maximum('element')}
    places[j] = place;
  }`;
  const body = elementwiseMain(items, `${fourMaxima}\n  ${argmax ? operands.argmax.store4('i', 'places') : ''}`);
  return [finish(`maxPool ${y.name}`, linearDispatch(items), body)];
};

function maxPoolOfNorm(node: Node<'maxPool'>, placement: Placement, norm: Node<'batchNorm'>): KernelCall[] {
  const { y, argmax } = node.results;
  const { activation } = norm.attributes;
  const [, outputHeight, outputWidth, channels] = nhwc(y);
  const lanes = lanesFor(channels);
  const pass = pixelPass(y, lanes, mostGroups);
  const { operands, parameter, finish } = kernelSource(
    {
      ...normOperands(norm, placement),
      y: tensorOperand(placement, y, 'write'),
      argmax: argmax && tensorOperand(placement, argmax, 'write'),
    },
    wideIf(lanes, ['x', 'statistics', 'gamma', 'beta', 'y']),
  );
  const { channels: ofChannels, normalized } = normalisation(lanes, pass.perPixel, operands);
  const value = (at: string) => `activate${lanes.suffix}(gamma * ${normalized(at)} + beta, range)`;
  const body = `${activationFunctions(activation)}
${workgroupMain(`${loadRange(activation, operands.ranges, parameter)}
  ${forOwnPixels(
    pass,
    `${ofChannels}
    let beta = ${lanes.load(operands.beta, 'c')};`,
    `${pixelPosition('pixel', outputHeight, outputWidth)}
      ${findMaximum(norm.operands.x.shape, node.attributes, lanes, value)}
      ${lanes.store(operands.y, 'i', 'maximum')}
      ${argmax ? operands.argmax.store4('i', 'place') : ''}`,
  )}`)}`;
  return [finish(`maxPool ${y.name}`, pass.workgroups, body)];
}

/** An invocation has a block of inputs. */
export const maxPoolGradient: Lowering<'maxPoolGradient'> = (node, placement) => {
  const { argmax, dy } = node.operands;
  const { dx } = node.results;
  const lanes = lanesFor(dimension(dx, 3));
  const { operands, finish } = kernelSource(
    {
      argmax: tensorOperand(placement, argmax, 'read'),
      dy: tensorOperand(placement, dy, 'read'),
      dx: tensorOperand(placement, dx, 'write'),
    },
    wideIf(lanes, ['dy', 'dx']),
  );
  const blocks = gradientBlocks(node, lanes);
  const [, down, across, channels] = blocks.shape;
  const items = elementCount(blocks.shape) / lanes.width;
  const body = elementwiseMain(
    items,
    `${position('i', down, across, channels / lanes.width)}
  ${blocks.each(operands, lanes.store(operands.dx, 'i', 'g'))}`,
  );
  return [finish(`maxPoolGradient ${dx.name}`, linearDispatch(items), body)];
};
