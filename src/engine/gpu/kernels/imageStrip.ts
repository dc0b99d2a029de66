/**
 * Convolutions of images with few channels, with an even stride, on matrix units: the first layer of most networks. Rows of
 * the images that a tile needs are brought into workgroup memory once, each pixel with four channels, the missing ones
 * zero. There the windows of outputs in a row are a fixed distance apart, and a row of each is contiguous: a fragment of the
 * windows' matrix is loaded from the strip itself, with the distance as its stride. A number that belongs to several
 * windows is stored once. A stride may not be shorter than a row of a fragment, so that the outputs of a fragment are as
 * far apart as there are fragments in a row.
 *
 * Rows of the window are as long as some fragments; weights behind their end are zero.
 */

import type { Operand } from '../kernel.js';
import type { ConvolutionSizes } from './convolutionSizes.js';
import { runFunctions, runsAt } from './convolutionSources.js';
import type { StripProduct, TileSource } from './convolutionTile.js';

/** Most channels of the images: a pixel is a vector of four. */
const most = 4;

/** Output rows in a tile of pixels. */
export const rowsOfTile = 4;

/** The A of a product whose fragments are loaded from a strip of the images. */
export interface Strip extends Pick<TileSource, 'along' | 'declarations'> {
  /** Pixels of the strip. */
  readonly pixels: number;
  /** Pixels between the windows of a fragment's outputs. */
  readonly stride: number;
  /** WGSL that declares `strip`: image, first row, first column; of the tile (`firstA`) or, if `refills`, of a `slice`. */
  readonly origin: string;
  /** WGSL for the place of pixel i of the strip in the images; that of no pixel in the padding. */
  readonly place: (i: string) => string;
  /** WGSL for the pixel at a place as vec4f; that at the place of no pixel may be any. */
  readonly load: (place: string) => string;
  readonly exists: (place: string) => string;
  /** True if each slice has a strip of its own. */
  readonly refills: boolean;
  /** WGSL for the pixel at which a row of fragments begins, at `k` of a slice. */
  readonly at: (tileRow: string, slice: string, k: number) => string;
}

/** True if tiles of whole rows of outputs can be computed from strips. */
export function hasStrips(sizes: ConvolutionSizes): boolean {
  const { rows, columns, inputChannels, outputChannels, outputHeight, outputWidth, taps } = sizes;
  const isEven = columns.stride % 2 === 0 && columns.dilation === 1 && rows.dilation === 1;
  const isWhole = outputWidth % 16 === 0 && outputHeight % rowsOfTile === 0 && outputChannels % 32 === 0;
  return taps > 1 && inputChannels <= most && isEven && isWhole && outputWidth >= 32 && outputWidth <= 128;
}

/** Depth of the product for a row of the window: its pixels of four channels, in whole fragments. */
export function rowDepth({ kernelWidth }: ConvolutionSizes): number {
  return 16 * Math.ceil((most * kernelWidth) / 16);
}

/** The pixels of a strip for so many rows of outputs. */
export function stripPixels(sizes: ConvolutionSizes, outputRows: number): number {
  return (sizes.rows.stride * (outputRows - 1) + sizes.kernelHeight) * stripWidth(sizes);
}

/** Pixels in a row of a strip: an even number, as the stride is, so that every fragment begins at a multiple of 16 bytes. */
function stripWidth(sizes: ConvolutionSizes): number {
  const { outputWidth, columns } = sizes;
  return columns.stride * (outputWidth - 1) + rowDepth(sizes) / most;
}

/** The forward product: A, B, the depth, and the places of its rows in the result. */
export function stripForward(
  sizes: ConvolutionSizes,
  x: Operand,
  w: Operand,
): Pick<StripProduct, 'k' | 'a' | 'b' | 'place'> {
  const { kernelHeight, outputWidth: width } = sizes;
  return {
    k: kernelHeight * rowDepth(sizes),
    a: stripRows(sizes, x),
    b: stripWeights(sizes, w),
    place: (row) => `${row} / ${width}u * ${width}u + ${stripOutput(sizes, `(${row} % ${width}u)`)}`,
  };
}

/** The weight gradient's product: A, B, and the places of its rows in the result. */
export function stripWeightGradient(
  sizes: ConvolutionSizes,
  x: Operand,
  dy: Operand,
): Pick<StripProduct, 'a' | 'b' | 'place'> {
  return {
    a: stripColumns(sizes, x),
    b: stripUpstream(sizes, dy),
    place: (row) => stripWeightRow(sizes, row),
  };
}

/** Forward: rows are the pixels of some rows of outputs, a slice is a row of the window. */
function stripRows(sizes: ConvolutionSizes, x: Operand): Strip {
  const { outputWidth, rows, columns } = sizes;
  const width = stripWidth(sizes);
  const fragments = outputWidth / 16;
  return {
    along: 'k',
    ...pixelsOf(sizes, x),
    pixels: stripPixels(sizes, rowsOfTile),
    stride: columns.stride * fragments,
    origin: `let outputRow = firstA / ${outputWidth}u;
  ${originOf(sizes)}`,
    refills: false,
    at: (tileRow, slice, k) =>
      `(${tileRow} / ${fragments}u * ${rows.stride}u + ${slice} / ${rowDepth(sizes)}u) * ${width}u + ${tileRow} % ${fragments}u * ${columns.stride}u + ${k / most}u`,
  };
}

/** Weight gradient: rows are places in the window, a slice is a row of outputs. */
function stripColumns(sizes: ConvolutionSizes, x: Operand): Strip {
  const { outputWidth, columns } = sizes;
  const fragments = rowDepth(sizes) / 16;
  return {
    along: 'across',
    ...pixelsOf(sizes, x),
    pixels: stripPixels(sizes, 1),
    stride: (columns.stride * outputWidth) / 16,
    origin: `let outputRow = slice / ${outputWidth}u;
    ${originOf(sizes)}`,
    refills: true,
    at: (tileRow, _, k) =>
      `${tileRow} / ${fragments}u * ${stripWidth(sizes)}u + ${tileRow} % ${fragments}u * 4u + ${(k / 16) * columns.stride}u`,
  };
}

/** Declares `strip` for the windows of `outputRow`, counted over all images, and those behind it. */
function originOf({ outputHeight, rows, columns }: ConvolutionSizes): string {
  const row = `i32(outputRow % ${outputHeight}u) * ${rows.stride} - ${rows.before}`;
  return `let strip = vec3i(i32(outputRow / ${outputHeight}u), ${row}, ${-columns.before});`;
}

/** Access to the pixels of a strip with that origin. */
function pixelsOf(sizes: ConvolutionSizes, x: Operand): Pick<Strip, 'declarations' | 'place' | 'load' | 'exists'> {
  const { inputHeight, inputWidth, inputPixels, inputChannels } = sizes;
  const width = stripWidth(sizes);
  const channels = [0, 1, 2, 3].map((c) => (c < inputChannels ? x.load(`first + ${c}u`) : '0.0'));
  return {
    declarations: `fn stripPlace(strip: vec3i, i: u32) -> u32 {
  let row = strip.y + i32(i / ${width}u);
  let column = strip.z + i32(i % ${width}u);
  let outside = u32(row) >= ${inputHeight}u || u32(column) >= ${inputWidth}u;
  return select(u32((strip.x * ${inputHeight} + row) * ${inputWidth} + column), ${inputPixels}u, outside);
}
fn stripPixel(place: u32) -> vec4f {
  let first = min(place, ${inputPixels - 1}u) * ${inputChannels}u;
  return vec4f(${channels.join(', ')});
}`,
    place: (i) => `stripPlace(strip, ${i})`,
    load: (place) => `stripPixel(${place})`,
    exists: (place) => `${place} < ${inputPixels}u`,
  };
}

/** Forward, B: the weights of a row of the window, those of missing channels and behind its end zero. */
function stripWeights(sizes: ConvolutionSizes, w: Operand): TileSource {
  const { inputChannels, outputChannels: n, kernelWidth } = sizes;
  const { run } = w;
  return {
    along: 'across',
    run,
    declarations: runFunctions('weightAt', 'row: u32, within: u32, column: u32', w, {
      place: `let tap = within / ${most}u;
  let channel = within % ${most}u;
  let i = ((row * ${kernelWidth}u + tap) * ${inputChannels}u + channel) * ${n / run.width}u + column / ${run.width}u;`,
      outside: [`tap >= ${kernelWidth}u`, `channel >= ${inputChannels}u`],
    }),
    prepare: null,
    ...runsAt('weightAt', (_, position, _k, within) => `slice / ${rowDepth(sizes)}u, ${within}, ${position}`),
  };
}

/** WGSL for the output at a place in its row, in the order in which fragments have them. */
function stripOutput({ outputWidth }: ConvolutionSizes, place: string): string {
  return `(${place} / 16u + ${place} % 16u * ${outputWidth / 16}u)`;
}

/** Weight gradient, B: the upstream gradient of a row of outputs. */
function stripUpstream(sizes: ConvolutionSizes, dy: Operand): TileSource {
  const { run } = dy;
  const perPixel = sizes.outputChannels / run.width;
  return {
    along: 'across',
    run,
    declarations: '',
    prepare: (position, within) => `${stripOutput(sizes, within)} * ${perPixel}u + ${position} / ${run.width}u`,
    load: (at) => run.load(`${at} + slice * ${perPixel}u`),
  };
}

/** WGSL for the row of the stored weights of a row of the weight gradient's product; at or above their number if none. */
function stripWeightRow(sizes: ConvolutionSizes, row: string): string {
  const { inputChannels, kernelWidth, taps } = sizes;
  const depth = rowDepth(sizes);
  const within = `${row} % ${depth}u`;
  const place = `(${row} / ${depth}u * ${kernelWidth}u + ${within} / ${most}u) * ${inputChannels}u + ${row} % ${most}u`;
  const isMissing = `${within} / ${most}u >= ${kernelWidth}u || ${row} % ${most}u >= ${inputChannels}u`;
  return `select(${place}, ${taps * inputChannels}u, ${isMissing})`;
}
