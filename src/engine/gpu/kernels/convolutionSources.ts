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
export const farAway = -1_000_000;

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
      ...loadsOf(channels, 'windowOf', (at, _, k) => `${at}, ${k}`),
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
    ...runsAt('windowAt', (at) => `${at} + vec3i(tapStart, tapRow, tapColumn)`),
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
      ...loadsOf(channels, 'windowOf', (within, position) => `pixels[${within}], ${position}`),
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
    ...runsAt('windowAt', (at, _position, _k, within) => `${at} + pixels[${within}]`),
  };
}

/** A run of channels at a place (run, row, column) of images of this size. */
function boundedLoad(name: string, x: Operand, height: number, width: number): string {
  const outside = [`u32(at.y) >= ${height}u`, `u32(at.z) >= ${width}u`];
  return runFunctions(name, 'at: vec3i', x, { place: 'let i = u32(at.x);', outside });
}

/** WGSL that declares a run's index `i`, and its conditions for being outside of the matrix. */
interface RunPlace {
  readonly place: string;
  readonly outside: readonly string[];
}

/**
 * `name(…)`, a run of an operand, and `nameExists(…)`, which tells whether it is in the matrix; the former may be any
 * numbers where it is not.
 */
export function runFunctions(name: string, parameters: string, { run }: Operand, { place, outside }: RunPlace): string {
  return `fn ${name}(${parameters}) -> ${run.type} {
  ${place}
  return ${run.load(`select(i, 0u, ${anyOf(outside)})`)};
}
fn ${name}Exists(${parameters}) -> bool {
  ${place}
  return !(${anyOf(outside)});
}`;
}

/** WGSL that tells whether one of the conditions holds, without a branch for each, which compilers take long for. */
function anyOf(conditions: readonly string[]): string {
  return conditions.map((condition) => `(${condition})`).join(' | ') || 'false';
}

/** Loads by `runFunctions` of these arguments; without conditions for being outside all runs exist. */
export function runsAt(
  name: string,
  place: TileSource['load'],
  outside?: readonly string[],
): Pick<TileSource, 'load' | 'exists'> {
  const load: TileSource['load'] = (...given) => `${name}(${place(...given)})`;
  return outside?.length === 0 ? { load } : { load, exists: (...given) => `${name}Exists(${place(...given)})` };
}

/** Loads by `runFunctions` where channels allow it, else by `fourOf`. */
function loadsOf(channels: number, name: string, place: TileSource['load']): Pick<TileSource, 'load' | 'exists'> {
  const loads = runsAt(name, place);
  return channels % 4 === 0 ? loads : { load: loads.load };
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
  let e = at.z * ${channels} + i32(k % ${line}u)${gap === 0 ? '' : ` + i32(k % ${line}u / ${channels}u) * ${gap}`};`;
  const outside = [`u32(y) >= ${inputHeight}u`, `u32(e) >= ${inputWidth * channels}u`, `k >= ${taps * channels}u`];
  const element = `u32(at.x + y * ${inputWidth * channels} + e)`;
  return channels % 4 === 0
    ? runFunctions('windowOf', 'at: vec3i, k: u32', x, {
        place: `${place}
  let i = ${element} / ${x.run.width}u;`,
        outside,
      })
    : `fn windowValue(at: vec3i, k: u32) -> f32 {
  ${place}
  let outside = ${anyOf(outside)};
  return select(${x.load(`select(${element}, 0u, outside)`)}, 0.0, outside);
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
  const outside = [
    `u32(y) >= ${outputHeight * rows.stride}u`,
    `u32(x) >= ${outputWidth * columns.stride}u`,
    ...(rows.stride > 1 ? [`y % ${rows.stride} != 0`] : []),
    ...(columns.stride > 1 ? [`x % ${columns.stride} != 0`] : []),
    `k >= ${taps * channels}u`,
  ];
  const place = `let tap = k / ${channels}u;
  let c = k % ${channels}u;
  let y = at.y - i32(tap / ${kernelWidth}u) * ${rows.dilation};
  let x = at.z - i32(tap % ${kernelWidth}u) * ${columns.dilation};`;
  const element = `u32(at.x + y / ${rows.stride} * ${outputWidth} + x / ${columns.stride}) * ${channels}u + c`;
  const four =
    channels % 4 === 0
      ? runFunctions('reach', 'at: vec3i, k: u32', dy, {
          place: `${place}
  let i = (${element}) / ${dy.run.width}u;`,
          outside,
        })
      : `fn reachValue(at: vec3i, k: u32) -> f32 {
  ${place}
  let outside = ${anyOf(outside)};
  return select(${dy.load(`select(${element}, 0u, outside)`)}, 0.0, outside);
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
    ...loadsOf(channels, 'reach', (at, _, k) => `${at}, ${k}`),
  };
}

/** Input gradient, B: (taps × output channels) × input channels. */
export function rotated({ inputChannels, outputChannels, taps }: ConvolutionSizes, w: Operand): TileSource {
  const element = `(k / ${outputChannels}u * ${inputChannels}u + n) * ${outputChannels}u + k % ${outputChannels}u`;
  const outside = [`k >= ${taps * outputChannels}u`, `n >= ${inputChannels}u`];
  return {
    along: 'k',
    run: runOf(outputChannels, w),
    declarations:
      outputChannels % 4 === 0
        ? runFunctions('rotated', 'k: u32, n: u32', w, { place: `let i = (${element}) / ${w.run.width}u;`, outside })
        : `fn rotatedValue(k: u32, n: u32) -> f32 {
  let outside = ${anyOf(outside)};
  return select(${w.load(`select(${element}, 0u, outside)`)}, 0.0, outside);
}
${fourOf('rotated', 'k: u32, n: u32', 'rotatedValue(k + j, n)')}`,
    prepare: null,
    ...loadsOf(outputChannels, 'rotated', (_, position, k) => `${k}, ${position}`),
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

/**
 * @param tile columns of a tile
 * @param leavesEmpty true to leave out phases without taps, whose pixels have what else there is to add
 */
export function inputPhases(
  sizes: ConvolutionSizes,
  dy: Operand,
  w: Operand,
  tile: number,
  leavesEmpty: boolean,
): InputPhases {
  const { inputHeight, inputWidth, inputChannels, inputPixels, outputHeight, outputWidth } = sizes;
  const { outputChannels: channels, rows, columns, kernelHeight, kernelWidth } = sizes;
  const images = inputPixels / (inputHeight * inputWidth);
  const pastTile = pastColumns(inputChannels, tile);
  const [height, width] = [Math.ceil(inputHeight / rows.stride), Math.ceil(inputWidth / columns.stride)];
  const strides = `vec2u(${rows.stride}u, ${columns.stride}u)`;
  const offset = ({ stride, before }: AxisWindow) => stride - (before % stride);
  const [down, across] = leavesEmpty
    ? [Math.min(rows.stride, kernelHeight), Math.min(columns.stride, kernelWidth)]
    : [rows.stride, columns.stride];
  return {
    count: down * across,
    pixels: images * height * width,
    // Input coordinate first + stride · q is met by taps tap, tap + stride, …; the first of them from output q + shift.
    prologue: `let phase = vec2u(group.z / ${across}u, group.z % ${across}u);
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
      ...runsAt('reachAt', (at) => `${at} + reachStart`),
    },
    b: {
      along: 'k',
      run: w.run,
      declarations: runFunctions('rotatedAt', 'i: u32, column: u32', w, { place: '', outside: pastTile }),
      prepare: (position, within) => `(${position} * ${channels}u + ${within}) / ${w.run.width}u`,
      ...runsAt('rotatedAt', (at, position) => `${at} + rotatedStart, ${position}`, pastTile),
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
  matrix: Operand,
  rows: number,
  columns: number,
  tile: { readonly across: number; readonly depth: number },
): TileSource {
  const outside = [
    ...(rows % tile.across === 0 ? [] : [`row >= ${rows}u`]),
    ...(columns % tile.depth === 0 ? [] : [`column >= ${columns}u`]),
  ];
  const { run } = matrix;
  return {
    along: 'k',
    run,
    declarations: runFunctions(name, 'i: u32, row: u32, column: u32', matrix, { place: '', outside }),
    prepare: (position, within) => `(${position} * ${columns}u + ${within}) / ${run.width}u`,
    ...runsAt(name, (at, position, k) => `${at} + slice / ${run.width}u, ${position}, ${k}`, outside),
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
    const outside = [...pastColumns(columns, n), ...(rows % k === 0 ? [] : [`row >= ${rows}u`])];
    return {
      along: 'across',
      run,
      declarations: runFunctions(name, 'i: u32, row: u32, column: u32', matrix, { place: '', outside }),
      prepare: (position, within) => `${within} * ${columns / run.width}u + ${position} / ${run.width}u`,
      perSlice: `let ${name}Start = slice * ${columns / run.width}u;`,
      ...runsAt(name, (at, position, k) => `${at} + ${name}Start, ${k}, ${position}`, outside),
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

/** The WGSL condition that `column` is behind the last one; none if tiles end with it. */
export function pastColumns(columns: number, tile: number): readonly string[] {
  return columns % tile === 0 ? [] : [`column >= ${columns}u`];
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
