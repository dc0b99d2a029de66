/**
 * The rows of an image that the windows of some of its rows see, in workgroup memory: with their padding, one behind the
 * other, so that a tap of the window is a fixed distance, as in `slidingWindow.ts`.
 */

import type { Operand } from '../kernel.js';
import type { ConvolutionSizes } from './convolutionSizes.js';
import { farAway, runFunctions, runsAt } from './convolutionSources.js';
import type { TileSource } from './convolutionTile.js';
import { fragment } from './matrixTileShapes.js';
import { seenBy } from './rowTileShapes.js';
import type { Direction } from './rowTiles.js';

/** Distance of a tap from the first position of a window; backward the taps are in reverse. */
export function distanceInRows(sizes: ConvolutionSizes, tap: number, direction: Direction): number {
  const { kernelWidth, taps } = sizes;
  const place = direction === 'forward' ? tap : taps - 1 - tap;
  return Math.floor(place / kernelWidth) * seenBy(sizes, 0).line + (place % kernelWidth);
}

/** WGSL for the position at which the windows of a fragment's pixels begin. */
export function positionInRows(sizes: ConvolutionSizes, tileFragment: string): string {
  const { outputWidth, rows } = sizes;
  const inRow = outputWidth / fragment;
  const [down, across] = [seenBy(sizes, 0).line * rows.stride, fragment * rows.stride];
  return `(${tileFragment} / ${inRow}u * ${down}u + ${tileFragment} % ${inRow}u * ${across}u)`;
}

/** The rows seen as a factor of a product; `slice` is the first of the tile's rows of outputs, counted over all images. */
export function rowsSeen(
  { sizes, x }: { readonly sizes: ConvolutionSizes; readonly x: Operand },
  { channels, direction, along }: { channels: number; direction: Direction; along: TileSource['along'] },
): TileSource & { readonly perSlice: string } {
  const { inputHeight: height, inputWidth: width, kernelHeight, kernelWidth, rows, columns } = sizes;
  const { line } = seenBy(sizes, 0);
  const isForward = direction === 'forward';
  const above = isForward ? rows.before : kernelHeight - 1 - rows.before;
  const left = isForward ? columns.before : kernelWidth - 1 - columns.before;
  const { run } = x;
  return {
    along,
    run,
    declarations: `fn placeSeen(position: u32, channel: u32) -> vec2i {
  let row = i32(position / ${line}u) - ${above};
  let column = i32(position % ${line}u) - ${left};
  let first = ((row * ${width} + column) * ${channels} + i32(channel)) / ${run.width};
  return vec2i(first, select(row, ${farAway}, u32(column) >= ${width}u));
}
${runFunctions('seenAt', 'at: vec2i', x, { place: 'let i = u32(at.x);', outside: [`u32(at.y) >= ${height}u`] })}`,
    prepare: (position, within) => `placeSeen(${along === 'k' ? `${position}, ${within}` : `${within}, ${position}`})`,
    perSlice: `let tileAt = vec2i(vec2u(slice * ${(rows.stride * width * channels) / run.width}u, slice * ${rows.stride}u % ${height}u));`,
    ...runsAt('seenAt', (at) => `${at} + tileAt`),
  };
}
