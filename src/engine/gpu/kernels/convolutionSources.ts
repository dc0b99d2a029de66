/**
 * The factors of the convolutions' matrix products, read on the fly from the tensors.
 *
 * If the channels are a multiple of a slice's depth, a slice is within one tap. Values that depend on the tap are then
 * computed once a slice, the same for the whole workgroup, and a load needs only an addition and two comparisons. For
 * other numbers of channels the general code finds the tap of every element.
 */

import type { AxisWindow } from '../../../ops/window.js';
import type { Operand } from '../kernel.js';
import type { ConvolutionSizes } from './convolutionSizes.js';
import type { TileShape, TileSource } from './convolutionTile.js';

/** A row or column outside of every window. */
const farAway = -1_000_000;

/** Forward, A: output pixels × (taps × input channels); zero in the padding. */
export function windows(sizes: ConvolutionSizes, x: Operand, depth: number): TileSource {
  const { inputHeight, inputWidth, inputChannels: channels, kernelWidth, outputPixels, rows, columns } = sizes;
  const { run } = x;
  if (channels % depth !== 0) {
    return {
      along: 'k',
      run: runOf(channels, x),
      declarations: `${outputPixel(sizes)}\n${windowFunction(sizes, x)}`,
      prepare: (position) => `outputPixel(${position})`,
      load: (at, _, k) => `windowOf(${at}, ${k})`,
    };
  }
  return {
    along: 'k',
    run,
    declarations: `${outputPixel(sizes)}
fn windowPlace(m: u32, c: u32) -> vec3i {
  let at = outputPixel(m);
  let first = (at.x + (at.y * ${inputWidth} + at.z) * ${channels} + i32(c)) / ${run.width};
  return vec3i(first, select(at.y, ${farAway}, m >= ${outputPixels}u), at.z);
}
${boundedLoad('windowAt', x, inputHeight, inputWidth)}`,
    prepare: (position, within) => `windowPlace(${position}, ${within})`,
    perSlice: `let tap = slice / ${channels}u;
      let tapRow = i32(tap / ${kernelWidth}u) * ${rows.dilation};
      let tapColumn = i32(tap % ${kernelWidth}u) * ${columns.dilation};
      let tapStart = (tapRow * ${inputWidth} + tapColumn) * ${channels / run.width} + i32(slice % ${channels}u / ${run.width}u);`,
    load: (at) => `windowAt(${at} + vec3i(tapStart, tapRow, tapColumn))`,
  };
}

/** Weight gradient, A: (taps × input channels) × output pixels. The pixels of a slice are looked up in a table. */
export function windowColumns(sizes: ConvolutionSizes, x: Operand, depth: number): TileSource {
  const { inputHeight, inputWidth, inputChannels: channels, kernelWidth, taps, outputPixels, rows, columns } = sizes;
  const run = runOf(channels, x);
  const table = {
    along: 'across' as const,
    run,
    ahead: (slice: string) => `if (t < ${depth}u) { pixels[t] = slicePixel(${slice} + t); }`,
  };
  const pixels = `var<workgroup> pixels: array<vec3i, ${depth}>;`;
  if (channels % 4 !== 0) {
    return {
      ...table,
      declarations: `${outputPixel(sizes)}\n${windowFunction(sizes, x)}\n${pixels}
fn slicePixel(m: u32) -> vec3i {
  let at = outputPixel(m);
  return vec3i(at.x, select(at.y, ${farAway}, m >= ${outputPixels}u), at.z);
}`,
      prepare: (_, within) => within,
      load: (within, position) => `windowOf(pixels[${within}], ${position})`,
    };
  }
  return {
    ...table,
    declarations: `${outputPixel(sizes)}\n${pixels}
fn slicePixel(m: u32) -> vec3i {
  let at = outputPixel(m);
  let first = (at.x + (at.y * ${inputWidth} + at.z) * ${channels}) / ${run.width};
  return vec3i(first, select(at.y, ${farAway}, m >= ${outputPixels}u), at.z);
}
fn tapPlace(place: u32) -> vec3i {
  let tap = place / ${channels}u;
  let row = i32(tap / ${kernelWidth}u) * ${rows.dilation};
  let column = i32(tap % ${kernelWidth}u) * ${columns.dilation};
  let first = (row * ${inputWidth} + column) * ${channels / run.width} + i32(place % ${channels}u / ${run.width}u);
  return vec3i(first, select(row, ${farAway}, place >= ${taps * channels}u), column);
}
${boundedLoad('windowAt', x, inputHeight, inputWidth)}`,
    prepare: (position) => `tapPlace(${position})`,
    load: (at, _position, _k, within) => `windowAt(${at} + pixels[${within}])`,
  };
}

/** A run of channels at a place (run, row, column) of images of this size; zero outside. */
function boundedLoad(name: string, { run }: Operand, height: number, width: number): string {
  return `fn ${name}(at: vec3i) -> ${run.type} {
  let outside = u32(at.y) >= ${height}u || u32(at.z) >= ${width}u;
  return select(${run.load('select(u32(at.x), 0u, outside)')}, ${run.type}(), outside);
}`;
}

/** `outputPixel(m)`: the start of output pixel m's window: (first element of the image, row, column). */
function outputPixel(sizes: ConvolutionSizes): string {
  const { inputHeight, inputWidth, outputHeight, outputWidth, inputChannels, rows, columns } = sizes;
  return `fn outputPixel(m: u32) -> vec3i {
  let image = m / ${outputHeight * outputWidth}u;
  let pixel = m % ${outputHeight * outputWidth}u;
  let row = i32(pixel / ${outputWidth}u) * ${rows.stride} - ${rows.before};
  let column = i32(pixel % ${outputWidth}u) * ${columns.stride} - ${columns.before};
  return vec3i(i32(image * ${inputHeight * inputWidth * inputChannels}u), row, column);
}`;
}

/**
 * `windowOf(at, k)`: a run of inputs from k on of the window at an `outputPixel`, k running over taps and channels. A row of a
 * window without dilation lies in memory without gaps.
 */
function windowFunction(sizes: ConvolutionSizes, x: Operand): string {
  const { inputHeight, inputWidth, inputChannels: channels, kernelWidth, taps, rows, columns } = sizes;
  const line = kernelWidth * channels;
  const gap = (columns.dilation - 1) * channels;
  const place = `let y = at.y + i32(k / ${line}u) * ${rows.dilation};
  let e = at.z * ${channels} + i32(k % ${line}u)${gap === 0 ? '' : ` + i32(k % ${line}u / ${channels}u) * ${gap}`};
  let outside = u32(y) >= ${inputHeight}u || u32(e) >= ${inputWidth * channels}u || k >= ${taps * channels}u;
  let i = select(u32(at.x + y * ${inputWidth * channels} + e), 0u, outside);`;
  return channels % 4 === 0
    ? `fn windowOf(at: vec3i, k: u32) -> ${x.run.type} {
  ${place}
  return select(${x.run.load(`i / ${x.run.width}u`)}, ${x.run.type}(), outside);
}`
    : `fn windowValue(at: vec3i, k: u32) -> f32 {
  ${place}
  return select(${x.load('i')}, 0.0, outside);
}
${fourOf('windowOf', 'at: vec3i, k: u32', 'windowValue(at, k + j)')}`;
}

/**
 * Input gradient, A: input pixels × (taps × output channels), the gradients from each tap.
 *
 * `inputPixel(m)`: (output pixels of earlier images, row, column) such that subtracting a tap's place and dividing by
 * the stride gives the output pixel that used input pixel m by that tap; `reach(at, k)`: a run of its gradients from k on.
 */
export function reached(sizes: ConvolutionSizes, dy: Operand): TileSource {
  const { inputHeight, inputWidth, outputHeight, outputWidth, outputChannels: channels } = sizes;
  const { rows, columns, taps, kernelWidth } = sizes;
  const between = [
    rows.stride > 1 ? ` || y % ${rows.stride} != 0` : '',
    columns.stride > 1 ? ` || x % ${columns.stride} != 0` : '',
  ];
  const place = `let tap = k / ${channels}u;
  let c = k % ${channels}u;
  let y = at.y - i32(tap / ${kernelWidth}u) * ${rows.dilation};
  let x = at.z - i32(tap % ${kernelWidth}u) * ${columns.dilation};
  let outside = u32(y) >= ${outputHeight * rows.stride}u || u32(x) >= ${outputWidth * columns.stride}u${between.join('')} || k >= ${taps * channels}u;
  let i = select(u32(at.x + y / ${rows.stride} * ${outputWidth} + x / ${columns.stride}) * ${channels}u + c, 0u, outside);`;
  const four =
    channels % 4 === 0
      ? `fn reach(at: vec3i, k: u32) -> ${dy.run.type} {
  ${place}
  return select(${dy.run.load(`i / ${dy.run.width}u`)}, ${dy.run.type}(), outside);
}`
      : `fn reachValue(at: vec3i, k: u32) -> f32 {
  ${place}
  return select(${dy.load('i')}, 0.0, outside);
}
${fourOf('reach', 'at: vec3i, k: u32', 'reachValue(at, k + j)')}`;
  return {
    along: 'k',
    run: runOf(channels, dy),
    declarations: `${four}
fn inputPixel(m: u32) -> vec3i {
  let image = m / ${inputHeight * inputWidth}u;
  let pixel = m % ${inputHeight * inputWidth}u;
  let row = i32(pixel / ${inputWidth}u) + ${rows.before};
  let column = i32(pixel % ${inputWidth}u) + ${columns.before};
  return vec3i(i32(image * ${outputHeight * outputWidth}u), select(row, ${farAway}, m >= ${sizes.inputPixels}u), column);
}`,
    prepare: (position) => `inputPixel(${position})`,
    load: (at, _, k) => `reach(${at}, ${k})`,
  };
}

/** Input gradient, B: (taps × output channels) × input channels. */
export function rotated({ inputChannels, outputChannels, taps }: ConvolutionSizes, w: Operand): TileSource {
  const index = `(k / ${outputChannels}u * ${inputChannels}u + n) * ${outputChannels}u + k % ${outputChannels}u`;
  const place = `let outside = k >= ${taps * outputChannels}u || n >= ${inputChannels}u;
  let i = select(${index}, 0u, outside);`;
  return {
    along: 'k',
    run: runOf(outputChannels, w),
    declarations:
      outputChannels % 4 === 0
        ? `fn rotated(k: u32, n: u32) -> ${w.run.type} {
  ${place}
  return select(${w.run.load(`i / ${w.run.width}u`)}, ${w.run.type}(), outside);
}`
        : `fn rotatedValue(k: u32, n: u32) -> f32 {
  ${place}
  return select(${w.load('i')}, 0.0, outside);
}
${fourOf('rotated', 'k: u32, n: u32', 'rotatedValue(k + j, n)')}`,
    prepare: null,
    load: (_, position, k) => `rotated(${k}, ${position})`,
  };
}

/** True if every stride-th tap meets neighbouring outputs, or every tap outputs a dilation apart. */
export function hasPhases({ rows, columns }: ConvolutionSizes): boolean {
  return [rows, columns].every(({ stride, dilation }) => stride === 1 || dilation === 1);
}

/**
 * The input gradient's factors by phase: input pixels with the same remainders modulo the stride meet the same taps,
 * every stride-th one, so that each phase is a dense product of its own (`group.z`). Needs a slice within one tap, and
 * `hasPhases`.
 */
export interface InputPhases {
  readonly a: TileSource;
  readonly b: TileSource;
  readonly count: number;
  /** Most input pixels of a phase. */
  readonly pixels: number;
  readonly prologue: string;
  readonly end: string;
  /** WGSL for the input pixel of a row; at or above their number if the phase has no such row. */
  readonly pixel: (row: string) => string;
}

/** @param tile columns of a tile */
export function inputPhases(sizes: ConvolutionSizes, dy: Operand, w: Operand, tile: number): InputPhases {
  const { inputHeight, inputWidth, inputChannels, inputPixels, outputHeight, outputWidth } = sizes;
  const { outputChannels: channels, rows, columns, kernelHeight, kernelWidth } = sizes;
  const images = inputPixels / (inputHeight * inputWidth);
  const [height, width] = [Math.ceil(inputHeight / rows.stride), Math.ceil(inputWidth / columns.stride)];
  const strides = `vec2u(${rows.stride}u, ${columns.stride}u)`;
  const offset = ({ stride, before }: AxisWindow) => stride - (before % stride);
  return {
    count: rows.stride * columns.stride,
    pixels: images * height * width,
    // Input coordinate first + stride · q is met by taps tap, tap + stride, …; the first of them from output q + shift.
    prologue: `let phase = vec2u(group.z / ${columns.stride}u, group.z % ${columns.stride}u);
  let phaseTap = phase;
  let phaseTaps = (vec2u(${kernelHeight + rows.stride - 1}u, ${kernelWidth + columns.stride - 1}u) - phase) / ${strides};
  let phaseFirst = (phase + vec2u(${offset(rows)}u, ${offset(columns)}u)) % ${strides};`,
    end: `phaseTaps.x * phaseTaps.y * ${channels}u`,
    pixel: (row) => (rows.stride * columns.stride === 1 ? row : `phasePixel(${row}, phaseFirst)`),
    a: {
      along: 'k',
      run: dy.run,
      declarations: `fn phasePixel(m: u32, first: vec2u) -> u32 {
  let row = m / ${width}u % ${height}u * ${rows.stride}u + first.x;
  let column = m % ${width}u * ${columns.stride}u + first.y;
  let missing = m >= ${images * height * width}u || row >= ${inputHeight}u || column >= ${inputWidth}u;
  return select((m / ${height * width}u * ${inputHeight}u + row) * ${inputWidth}u + column, ${inputPixels}u, missing);
}
fn reachPlace(m: u32, c: u32, first: vec2u) -> vec3i {
  let image = m / ${height * width}u;
  let row = (m / ${width}u % ${height}u * ${rows.stride}u + first.x + ${rows.before}u) / ${rows.stride}u;
  let column = (m % ${width}u * ${columns.stride}u + first.y + ${columns.before}u) / ${columns.stride}u;
  let place = i32(((image * ${outputHeight}u + row) * ${outputWidth}u + column) * ${channels / dy.run.width}u + c / ${dy.run.width}u);
  return vec3i(place, select(i32(row), ${farAway}, m >= ${images * height * width}u), i32(column));
}
${boundedLoad('reachAt', dy, outputHeight, outputWidth)}`,
      prepare: (position, within) => `reachPlace(${position}, ${within}, phaseFirst)`,
      perSlice: `let tap = slice / ${channels}u;
      let tapRow = tap / phaseTaps.y;
      let tapColumn = tap % phaseTaps.y;
      let up = tapRow * ${rows.dilation}u;
      let back = tapColumn * ${columns.dilation}u;
      let reachStart = vec3i(i32(slice % ${channels}u / ${dy.run.width}u) - i32(up * ${outputWidth}u + back) * ${channels / dy.run.width}, -i32(up), -i32(back));
      let rotatedTap = (phaseTap.x + tapRow * ${rows.stride}u) * ${kernelWidth}u + phaseTap.y + tapColumn * ${columns.stride}u;
      let rotatedStart = rotatedTap * ${(inputChannels * channels) / w.run.width}u + slice % ${channels}u / ${w.run.width}u;`,
      load: (at) => `reachAt(${at} + reachStart)`,
    },
    b: {
      along: 'k',
      run: w.run,
      declarations: `fn rotatedAt(i: u32, column: u32) -> ${w.run.type} {
  let outside = ${pastColumns(inputChannels, tile)};
  return select(${w.run.load('select(i, 0u, outside)')}, ${w.run.type}(), outside);
}`,
      prepare: (position, within) => `(${position} * ${channels}u + ${within}) / ${w.run.width}u`,
      load: (at, position) => `rotatedAt(${at} + rotatedStart, ${position})`,
    },
  };
}

/** True if every output sees one input only, the one at its own place: then all factors are matrices as stored. */
export function isPointwise({ taps, rows, columns, inputChannels, outputChannels }: ConvolutionSizes): boolean {
  const isInPlace = [rows, columns].every(({ stride, before, after }) => stride === 1 && before === 0 && after === 0);
  return taps === 1 && isInPlace && inputChannels % 4 === 0 && outputChannels % 4 === 0;
}

/** A matrix as stored, with rows of a multiple of four; k counts along its rows. */
export function matrixColumns(
  name: string,
  { run }: Operand,
  rows: number,
  columns: number,
  tile: { readonly across: number; readonly depth: number },
): TileSource {
  const isPast = [
    rows % tile.across === 0 ? [] : [`row >= ${rows}u`],
    columns % tile.depth === 0 ? [] : [`column >= ${columns}u`],
  ].flat();
  return {
    along: 'k',
    run,
    declarations: `fn ${name}(i: u32, row: u32, column: u32) -> ${run.type} {
  let outside = ${isPast.join(' || ') || 'false'};
  return select(${run.load('select(i, 0u, outside)')}, ${run.type}(), outside);
}`,
    prepare: (position, within) => `(${position} * ${columns}u + ${within}) / ${run.width}u`,
    load: (at, position, k) => `${name}(${at} + slice / ${run.width}u, ${position}, ${k})`,
  };
}

/** A matrix as stored; k counts its rows. */
export function matrixRows(
  name: string,
  matrix: Operand,
  rows: number,
  columns: number,
  { n, k }: Pick<TileShape, 'n' | 'k'>,
): TileSource {
  if (columns % 4 === 0) {
    const { run } = matrix;
    const pastEnd = rows % k === 0 ? '' : ` || row >= ${rows}u`;
    return {
      along: 'across',
      run,
      declarations: `fn ${name}(i: u32, row: u32, column: u32) -> ${run.type} {
  let outside = ${pastColumns(columns, n)}${pastEnd};
  return select(${run.load('select(i, 0u, outside)')}, ${run.type}(), outside);
}`,
      prepare: (position, within) => `${within} * ${columns / run.width}u + ${position} / ${run.width}u`,
      perSlice: `let ${name}Start = slice * ${columns / run.width}u;`,
      load: (at, position, k) => `${name}(${at} + ${name}Start, ${k}, ${position})`,
    };
  }
  return {
    along: 'across',
    run: separate,
    declarations: `fn ${name}Value(row: u32, column: u32) -> f32 {
  let outside = row >= ${rows}u || column >= ${columns}u;
  let i = select(row * ${columns}u + column, 0u, outside);
  return select(${matrix.load('i')}, 0.0, outside);
}
${fourOf(name, 'row: u32, column: u32', `${name}Value(row, column + j)`)}`,
    prepare: null,
    load: (_, position, k) => `${name}(${k}, ${position})`,
  };
}

/** A WGSL condition that `column` is behind the last one; never true if tiles end with it. */
export function pastColumns(columns: number, tile: number): string {
  return columns % tile === 0 ? 'false' : `column >= ${columns}u`;
}

/** Numbers that are loaded one by one. */
const separate = { width: 4, type: 'vec4f', halves: null } as const;

/** Neighbours come as the operand gives them where they can be loaded together. */
function runOf(channels: number, { run }: Operand): TileSource['run'] {
  return channels % 4 === 0 ? run : separate;
}

/** A function that makes its four numbers one by one, for rows whose length is no multiple of four. */
function fourOf(name: string, parameters: string, value: string): string {
  return `fn ${name}(${parameters}) -> vec4f {
  var four = vec4f();
  for (var j = 0u; j < 4u; j++) { four[j] = ${value}; }
  return four;
}`;
}
