/**
 * Convolutions of stride 1 whose taps share a slice of the images, on matrix units. Positions are the pixels of all
 * images one after another, with a gap of zeros behind every row and gaps of whole rows behind every image, which serve
 * as padding on either side. There a tap of the window is a fixed distance, so a slice of the images is brought into
 * workgroup memory once, and fragments for all taps are loaded from it at shifted positions.
 */

import type { Operand } from '../kernel.js';
import type { ConvolutionSizes } from './convolutionSizes.js';
import { pastColumns, runFunctions, runsAt } from './convolutionSources.js';
import type { SlidingTaps, TileShape, TileSource } from './convolutionTile.js';

export interface Positions {
  readonly count: number;
  readonly pixels: number;
  /** Distance of a tap from the first one, given its row and column in the window. */
  readonly distance: (row: string, column: string) => string;
  readonly reach: number;
  /** Distance of a pixel from the first tap of the window centred on it: forward, and from the last tap. */
  readonly before: number;
  readonly after: number;
  /**
   * `pixelsBefore(p)`: pixels at earlier positions; `pixelAt(p)`: the pixel there, or their number if there is none.
   */
  readonly declarations: string;
}

/** True if results have the size of the images, and windows of several taps move pixel by pixel. */
export function canSlide(sizes: ConvolutionSizes): boolean {
  const { rows, columns, inputHeight, inputWidth, outputHeight, outputWidth, taps } = sizes;
  const isDense = [rows, columns].every(({ stride, dilation }) => stride === 1 && dilation === 1);
  const isWhole = sizes.inputChannels % 16 === 0 && sizes.outputChannels % 16 === 0;
  return isDense && isWhole && taps > 1 && inputHeight === outputHeight && inputWidth === outputWidth;
}

export function positionsOf(sizes: ConvolutionSizes): Positions {
  const {
    inputHeight: height,
    inputWidth: width,
    inputPixels: pixels,
    kernelHeight,
    kernelWidth,
    rows,
    columns,
  } = sizes;
  const behind = (before: number, taps: number) => taps - 1 - before;
  const line = width + Math.max(columns.before, behind(columns.before, kernelWidth));
  const image = line * (height + Math.max(rows.before, behind(rows.before, kernelHeight)));
  const count = (pixels / (height * width)) * image;
  const reach = (kernelHeight - 1) * line + kernelWidth - 1;
  const before = rows.before * line + columns.before;
  return {
    count,
    pixels,
    distance: (row, column) => `${row} * ${line}u + ${column}`,
    reach,
    before,
    after: reach - before,
    declarations: `fn pixelsBefore(p: u32) -> u32 {
  let row = p % ${image}u / ${line}u;
  let inRow = select(0u, min(p % ${image}u % ${line}u, ${width}u), row < ${height}u);
  return p / ${image}u * ${height * width}u + min(row, ${height}u) * ${width}u + inRow;
}
fn pixelAt(p: u32) -> u32 {
  let row = p % ${image}u / ${line}u;
  let column = p % ${image}u % ${line}u;
  let exists = p < ${count}u && row < ${height}u && column < ${width}u;
  return select(${pixels}u, (p / ${image}u * ${height}u + row) * ${width}u + column, exists);
}`,
  };
}

/** Taps in the order of the weights; for the input gradient (backward) each distance is that from the last tap. */
export function slidingTaps(
  { taps, kernelWidth }: ConvolutionSizes,
  { distance, reach }: Positions,
  direction: 'forward' | 'backward' = 'forward',
): SlidingTaps {
  const from = (tap: string) => distance(`(${tap} / ${kernelWidth}u)`, `${tap} % ${kernelWidth}u`);
  return { taps, reach, shift: direction === 'forward' ? from : (tap) => `${reach}u - (${from(tap)})` };
}

/** A of the pixels' products: the channels of a slice at all positions in a tile's windows, from `before` it. */
export function slidingRows(x: Operand, channels: number, positions: Positions, before: number): TileSource {
  const { run } = x;
  return {
    along: 'k',
    run,
    declarations: `${positions.declarations}
${existingLoad('slidingAt', x, channels, positions)}`,
    prepare: (position, within) =>
      `pixelAt(${position} - ${before}u) * ${channels / run.width}u + ${within} / ${run.width}u`,
    ...runsAt('slidingAt', (at) => `${at} + slice / ${run.width}u`),
  };
}

/** Forward, B: the weights of a slice of input channels, (taps × channels of the slice) × output channels. */
export function slidingWeights(
  { inputChannels, outputChannels: n }: ConvolutionSizes,
  w: Operand,
  { n: tile, k: depth }: Pick<TileShape, 'n' | 'k'>,
): TileSource {
  const { run } = w;
  return {
    along: 'across',
    run,
    declarations: weightLoad(w, pastColumns(n, tile)),
    prepare: (position, within) =>
      `(${within} / ${depth}u * ${inputChannels}u + ${within} % ${depth}u) * ${n / run.width}u + ${position} / ${run.width}u`,
    ...runsAt('weightAt', (at, position) => `${at} + slice * ${n / run.width}u, ${position}`, pastColumns(n, tile)),
  };
}

/** Input gradient, B: the weights of a slice of output channels, a row of which is contiguous along k. */
export function slidingRotated(
  { inputChannels: n, outputChannels }: ConvolutionSizes,
  w: Operand,
  columns: number,
): TileSource {
  const { run } = w;
  const column = (position: string) => `(firstB + (${position} - firstB) % ${columns}u)`;
  const outside = pastColumns(n, columns);
  return {
    along: 'k',
    run,
    declarations: weightLoad(w, outside),
    prepare: (position, within) =>
      `((${position} - firstB) / ${columns}u * ${n}u + ${column(position)}) * ${outputChannels / run.width}u + ${within} / ${run.width}u`,
    ...runsAt('weightAt', (at, position) => `${at} + slice / ${run.width}u, ${column(position)}`, outside),
  };
}

/** Weight gradient, A: channels of a tile at the positions of a slice, whose pixels are looked up in a table. */
export function slidingColumns(
  x: Operand,
  channels: number,
  positions: Positions,
  { k, subgroups }: TileShape,
): TileSource {
  const length = k + positions.reach;
  const threads = 32 * subgroups![0] * subgroups![1];
  const { run } = x;
  return {
    along: 'across',
    run,
    declarations: `${positions.declarations}
var<workgroup> pixels: array<u32, ${length}>;
${existingLoad('slidingAt', x, channels, positions)}`,
    ahead: (slice) =>
      `for (var i = t; i < ${length}u; i += ${threads}u) { pixels[i] = pixelAt(${slice} + i - ${positions.before}u); }`,
    prepare: (position) => `${position} / ${run.width}u`,
    ...runsAt('slidingAt', (at, _position, _k, within) => `pixels[${within}] * ${channels / run.width}u + ${at}`),
  };
}

/** Weight gradient, B: the upstream gradient at the positions of a slice; uses the table of A. */
export function slidingUpstream(
  dy: Operand,
  channels: number,
  positions: Positions,
  { n }: Pick<TileShape, 'n'>,
): TileSource {
  const { run } = dy;
  return {
    along: 'across',
    run,
    declarations: runFunctions('upstreamAt', 'i: u32, column: u32', dy, {
      place: '',
      outside: [`i >= ${(positions.pixels * channels) / run.width}u`, ...pastColumns(channels, n)],
    }),
    prepare: (position) => `${position} / ${run.width}u`,
    ...runsAt(
      'upstreamAt',
      (at, position, _k, within) =>
        `pixels[${within} + ${positions.before}u] * ${channels / run.width}u + ${at}, ${position}`,
    ),
  };
}

function existingLoad(name: string, x: Operand, channels: number, { pixels }: Positions): string {
  return runFunctions(name, 'i: u32', x, { place: '', outside: [`i >= ${(pixels * channels) / x.run.width}u`] });
}

function weightLoad(w: Operand, outside: readonly string[]): string {
  return runFunctions('weightAt', 'i: u32, column: u32', w, { place: '', outside });
}
