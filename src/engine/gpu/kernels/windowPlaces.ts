/** Positions of elements in images, and the windows that contain them, as WGSL. */

import { type AxisWindow, extentOf, type SizedAxisWindow } from '../../../ops/window.js';

/** Declares n, h, w, c of element `i` of an NHWC tensor; c counts groups that an invocation takes at once. */
export function position(i: string, height: number, width: number, channels: number): string {
  return `let c = ${i} % ${channels}u;
  let w = ${i} / ${channels}u % ${width}u;
  let h = ${i} / ${channels * width}u % ${height}u;
  let n = ${i} / ${channels * width * height}u;`;
}

/** Declares n, h, w of a pixel. */
export function pixelPosition(pixel: string, height: number, width: number): string {
  return `let w = ${pixel} % ${width}u;
  let h = ${pixel} / ${width}u % ${height}u;
  let n = ${pixel} / ${width * height}u;`;
}

export interface Range {
  readonly first: string;
  readonly end: string;
}

/**
 * The outputs, of `limit`, whose windows of `size` taps contain coordinate `at`. `skip` skips those that have it in a
 * gap between taps; `tap` is the tap at it.
 */
export function outputsThatSee(
  at: string,
  size: number,
  limit: number,
  { stride, before, dilation }: AxisWindow,
): Range & { skip(output: string): string; tap(output: string): string } {
  const distance = (output: string) => `(${at} + ${before}u - ${output} * ${stride}u)`;
  return {
    first: `u32(max(0, i32(${at}) + ${before - extentOf(size, dilation) + stride}) / ${stride})`,
    end: `min(${limit}u, (${at} + ${before}u) / ${stride}u + 1u)`,
    skip: (output) => (dilation === 1 ? '' : `if (${distance(output)} % ${dilation}u != 0u) { continue; }`),
    tap: (output) => (dilation === 1 ? distance(output) : `${distance(output)} / ${dilation}u`),
  };
}

/** The pixels, `dilation` apart, of an axis of `length` in window `at` of `size` taps, and their number. */
export function pixelsSeen(
  at: string,
  length: number,
  { size, stride, before, dilation }: SizedAxisWindow,
): Range & { readonly count: string } {
  const start = `(i32(${at}) * ${stride} - ${before})`;
  const first =
    dilation === 1
      ? `u32(max(${start}, 0))`
      : `u32(${start} + max(0, ${dilation - 1} - ${start}) / ${dilation} * ${dilation})`;
  const end = `u32(min(${start} + ${extentOf(size, dilation)}, ${length}))`;
  return { first, end, count: `(${end} - ${first} + ${dilation - 1}u) / ${dilation}u` };
}
