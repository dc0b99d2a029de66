/** Pooling and its gradients, and the subsampling shortcut: one invocation for each element, nothing shared. */

import type { Node } from '../../../graph/graph.js';
import { elementCount, nhwc } from '../../../graph/tensor.js';
import type { SizedAxisWindow, SizedWindow } from '../../../ops/window.js';
import { elementwiseMain, float, kernelSource, linearDispatch, type Operand, tensorOperand } from '../kernel.js';
import { type Lanes, lanesFor, wideIf } from '../lanes.js';
import type { Lowering } from '../lowering.js';
import { outputsThatSee, pixelsSeen, position } from './windowPlaces.js';

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
  const { stride, extraChannels } = node.attributes;
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
    value = ${lanes.load(operands.dy, `(${row}) * ${outputChannels / lanes.width}u + c`)};
  }
  ${lanes.store(operands.dx, 'i', 'value')}`,
  );
  return [finish(`subsampleGradient ${dx.name}`, linearDispatch(items), body)];
};

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

/** Four elements an invocation, as four positions of maxima share a word. */
export const maxPool: Lowering<'maxPool'> = (node, placement) => {
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
  let found = maximumOf(n, h, w, c);
  ${lanes.store(operands.y, i, 'found.value')}`;
  const fourMaxima =
    lanes.width === 4
      ? `${maximum('i')}
  let places = found.place;`
      : `var places = vec4u();
  for (var j = 0u; j < min(4u, ${length}u - 4u * i); j++) {
    let at = 4u * i + j;
    ${maximum('at')}
    places[j] = found.place;
  }`;
  const body = `${maximumFunction(nhwc(x), node.attributes, operands.x, lanes)}
${elementwiseMain(items, `${fourMaxima}\n  ${argmax ? operands.argmax.store4('i', 'places') : ''}`)}`;
  return [finish(`maxPool ${y.name}`, linearDispatch(items), body)];
};

/**
 * Every input adds the gradients of the windows of which it is the maximum, in the order of the windows. An invocation has
 * a block of inputs as large as the stride, all of which are seen by the same few windows, at taps known beforehand.
 */
export const maxPoolGradient: Lowering<'maxPoolGradient'> = (node, placement) => {
  const { argmax, dy } = node.operands;
  const { dx } = node.results;
  const [batch, height, width, channels] = nhwc(dx);
  const [, outputHeight, outputWidth] = nhwc(dy);
  const { rows, columns } = node.attributes;
  const lanes = lanesFor(channels);
  const { operands, finish } = kernelSource(
    {
      argmax: tensorOperand(placement, argmax, 'read'),
      dy: tensorOperand(placement, dy, 'read'),
      dx: tensorOperand(placement, dx, 'write'),
    },
    wideIf(lanes, ['dy', 'dx']),
  );
  const perPixel = channels / lanes.width;
  const blocksDown = Math.ceil(height / rows.stride);
  const blocksAcross = Math.ceil(width / columns.stride);
  const items = batch * blocksDown * blocksAcross * perPixel;
  const windowsOf = (axis: SizedAxisWindow) => {
    const seen = [...Array(axis.stride).keys()].map((input) => tapsAt(input, axis));
    return { seen, all: [...new Set(seen.flatMap((windows) => [...windows.keys()]))].sort((a, b) => a - b) };
  };
  const [down, across] = [windowsOf(rows), windowsOf(columns)];
  const id = (i: number, j: number) => `${i - down.all[0]!}_${j - across.all[0]!}`;
  const loads = down.all.flatMap((i) =>
    across.all.map(
      (j) => `let exists_${id(i, j)} = u32(i32(h) + ${i}) < ${outputHeight}u && u32(i32(w) + ${j}) < ${outputWidth}u;
  let at_${id(i, j)} = select(0u, u32(i32((n * ${outputHeight}u + h) * ${outputWidth}u + w) + ${i * outputWidth + j}) * ${perPixel}u + c, exists_${id(i, j)});
  let place_${id(i, j)} = ${lanes.load(operands.argmax, `at_${id(i, j)}`)};
  let dy_${id(i, j)} = select(${lanes.type}(), ${lanes.load(operands.dy, `at_${id(i, j)}`)}, exists_${id(i, j)});`,
    ),
  );
  const sums = down.seen.flatMap((windowsDown, row) =>
    across.seen.map((windowsAcross, column) => {
      const shares = [...windowsDown].flatMap(([i, tapDown]) =>
        [...windowsAcross].map(([j, tapAcross]) => {
          const place = `${placeType(lanes)}(${tapDown * columns.size + tapAcross}u)`;
          return `sum += select(${lanes.type}(), dy_${id(i, j)}, place_${id(i, j)} == ${place});`;
        }),
      );
      const pixel = `((n * ${height}u + h * ${rows.stride}u + ${row}u) * ${width}u + w * ${columns.stride}u + ${column}u)`;
      const isInside = `h * ${rows.stride}u + ${row}u < ${height}u && w * ${columns.stride}u + ${column}u < ${width}u`;
      return `if (${isInside}) {
    var sum = ${lanes.type}();
    ${shares.join('\n    ')}
    ${lanes.store(operands.dx, `${pixel} * ${perPixel}u + c`, 'sum')}
  }`;
    }),
  );
  const body = elementwiseMain(
    items,
    [position('i', blocksDown, blocksAcross, perPixel), ...loads, ...sums].join('\n  '),
  );
  return [finish(`maxPoolGradient ${dx.name}`, linearDispatch(items), body)];
};

/**
 * The windows that see an input of the first block, as distances from the first window's, in order, with their taps. Those
 * of an input of another block are as many windows further as blocks.
 */
function tapsAt(input: number, { size, stride, before, dilation }: SizedAxisWindow): ReadonlyMap<number, number> {
  const last = Math.floor((input + before) / stride);
  const first = Math.ceil((input + before - (size - 1) * dilation) / stride);
  const taps = new Map<number, number>();
  for (let window = first; window <= last; window++) {
    const distance = input + before - window * stride;
    if (distance % dilation === 0) taps.set(window, distance / dilation);
  }
  return taps;
}

function placeType({ width }: Lanes): 'vec4u' | 'u32' {
  return width === 4 ? 'vec4u' : 'u32';
}

/**
 * `maximumOf(n, h, w, c)`: the first maximum of output (h, w)'s window, row by row, or its last NaN, and the position.
 */
function maximumFunction(
  [, height, width, channels]: readonly [number, number, number, number],
  { rows, columns }: SizedWindow,
  x: Operand,
  lanes: Lanes,
): string {
  const places = placeType(lanes);
  const bools = (condition: string) => (lanes.width === 4 ? `vec4<bool>(${condition})` : condition);
  return `struct Found { value: ${lanes.type}, place: ${places} }
fn maximumOf(n: u32, h: u32, w: u32, c: u32) -> Found {
  var found: Found;
  var isFirst = true;
  for (var i = 0u; i < ${rows.size}u; i++) {
    for (var j = 0u; j < ${columns.size}u; j++) {
      let row = h * ${rows.stride}u + i * ${rows.dilation}u - ${rows.before}u;
      let column = w * ${columns.stride}u + j * ${columns.dilation}u - ${columns.before}u;
      let isInside = row < ${height}u && column < ${width}u;
      let at = select(0u, (n * ${height}u + row) * ${width}u + column, isInside) * ${channels / lanes.width}u + c;
      let value = ${lanes.load(x, 'at')};
      let isNan = (bitcast<${places}>(value) & ${places}(0x7fffffffu)) > ${places}(0x7f800000u);
      let isNew = ((value > found.value) | isNan | ${bools('isFirst')}) & ${bools('isInside')};
      found.value = select(found.value, value, isNew);
      found.place = select(found.place, ${places}(i * ${columns.size}u + j), isNew);
      isFirst = isFirst && !isInside;
    }
  }
  return found;
}`;
}
