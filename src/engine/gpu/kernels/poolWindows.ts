/** Windows of max pooling in WGSL, whatever their input and gradient are computed from. */

import type { Node } from '../../../graph/graph.js';
import { nhwc, type Shape } from '../../../graph/tensor.js';
import type { SizedAxisWindow, SizedWindow } from '../../../ops/window.js';
import type { Operand } from '../kernel.js';
import type { Lanes } from '../lanes.js';

/**
 * WGSL that declares `maximum`, the first maximum of output (n, h, w)'s window for `c`, row by row, or its last NaN, and
 * `place`, its position in the window.
 *
 * @param image shape of the input
 * @param value WGSL for the input's element (or four) `at`
 */
export function findMaximum(
  image: Shape,
  { rows, columns }: SizedWindow,
  lanes: Lanes,
  value: (at: string) => string,
): string {
  const [, height, width, channels] = image as readonly [number, number, number, number];
  const places = placeType(lanes);
  const bools = (condition: string) => (lanes.width === 4 ? `vec4<bool>(${condition})` : condition);
  return `var maximum = ${lanes.type}();
  var place = ${places}();
  var isFirst = true;
  for (var tapRow = 0u; tapRow < ${rows.size}u; tapRow++) {
    for (var tapColumn = 0u; tapColumn < ${columns.size}u; tapColumn++) {
      let row = h * ${rows.stride}u + tapRow * ${rows.dilation}u - ${rows.before}u;
      let column = w * ${columns.stride}u + tapColumn * ${columns.dilation}u - ${columns.before}u;
      let isInside = row < ${height}u && column < ${width}u;
      let at = select(0u, (n * ${height}u + row) * ${width}u + column, isInside) * ${channels / lanes.width}u + c;
      let value = ${value('at')};
      let isNan = (bitcast<${places}>(value) & ${places}(0x7fffffffu)) > ${places}(0x7f800000u);
      let isNew = ((value > maximum) | isNan | ${bools('isFirst')}) & ${bools('isInside')};
      maximum = select(maximum, value, isNew);
      place = select(place, ${places}(tapRow * ${columns.size}u + tapColumn), isNew);
      isFirst = isFirst && !isInside;
    }
  }`;
}

/**
 * The gradient of max pooling by blocks of inputs as large as the stride, all of which are seen by the same few windows, at
 * taps known beforehand. Every input adds the gradients of the windows of which it is the maximum, in their order.
 */
export interface GradientBlocks {
  /** [B, blocks down, blocks across, C] */
  readonly shape: readonly [number, number, number, number];
  /** WGSL that computes `g` for the elements `i` of block (n, h, w) for `c`, and does something with each. */
  each(operands: Readonly<Record<'argmax' | 'dy', Operand>>, use: string): string;
}

export function gradientBlocks(
  { operands: { dy }, results: { dx }, attributes: { rows, columns } }: Node<'maxPoolGradient'>,
  lanes: Lanes,
): GradientBlocks {
  const [batch, height, width, channels] = nhwc(dx);
  const [, outputHeight, outputWidth] = nhwc(dy);
  const perPixel = channels / lanes.width;
  const [down, across] = [windowsOf(rows), windowsOf(columns)];
  const id = (i: number, j: number) => `${i - down.all[0]!}_${j - across.all[0]!}`;
  return {
    shape: [batch, Math.ceil(height / rows.stride), Math.ceil(width / columns.stride), channels],
    each: (operands, use) => {
      const loads = down.all.flatMap((i) =>
        across.all.map(
          (
            j,
          ) => `let exists_${id(i, j)} = u32(i32(h) + ${i}) < ${outputHeight}u && u32(i32(w) + ${j}) < ${outputWidth}u;
  let at_${id(i, j)} = select(0u, u32(i32((n * ${outputHeight}u + h) * ${outputWidth}u + w) + ${i * outputWidth + j}) * ${perPixel}u + c, exists_${id(i, j)});
  let place_${id(i, j)} = ${lanes.load(operands.argmax, `at_${id(i, j)}`)};
  let dy_${id(i, j)} = select(${lanes.type}(), ${lanes.load(operands.dy, `at_${id(i, j)}`)}, exists_${id(i, j)});`,
        ),
      );
      const inputs = down.seen.flatMap((windowsDown, row) =>
        across.seen.map((windowsAcross, column) => {
          const shares = [...windowsDown].flatMap(([i, tapDown]) =>
            [...windowsAcross].map(([j, tapAcross]) => {
              const place = `${placeType(lanes)}(${tapDown * columns.size + tapAcross}u)`;
              return `g += select(${lanes.type}(), dy_${id(i, j)}, place_${id(i, j)} == ${place});`;
            }),
          );
          const pixel = `((n * ${height}u + h * ${rows.stride}u + ${row}u) * ${width}u + w * ${columns.stride}u + ${column}u)`;
          const isInside = `h * ${rows.stride}u + ${row}u < ${height}u && w * ${columns.stride}u + ${column}u < ${width}u`;
          return `if (${isInside}) {
    let i = ${pixel} * ${perPixel}u + c;
    var g = ${lanes.type}();
    ${shares.join('\n    ')}
    ${use}
  }`;
        }),
      );
      return [...loads, ...inputs].join('\n  ');
    },
  };
}

/** The windows that see each input of the first block, and all of these, as distances from the first window. */
function windowsOf(axis: SizedAxisWindow) {
  const seen = [...Array(axis.stride).keys()].map((input) => tapsAt(input, axis));
  return { seen, all: [...new Set(seen.flatMap((windows) => [...windows.keys()]))].sort((a, b) => a - b) };
}

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
