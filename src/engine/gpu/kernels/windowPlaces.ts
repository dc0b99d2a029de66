/** Where elements lie in images, and which windows see them, as WGSL. */

import type { Window } from '../../../ops/window.js';

/** Declares n, h, w, c of element `i` of an NHWC tensor; c counts what an invocation takes at once. */
export function position(i: string, height: number, width: number, channels: number): string {
  return `let c = ${i} % ${channels}u;
  let w = ${i} / ${channels}u % ${width}u;
  let h = ${i} / ${channels * width}u % ${height}u;
  let n = ${i} / ${channels * width * height}u;`;
}

/** The first of the outputs whose windows of `size` see coordinate `at`, and the end of them; `limit`: all outputs. */
export function outputsThatSee(
  at: string,
  size: number,
  limit: number,
  { stride, padding }: Window,
): { readonly first: string; readonly end: string } {
  return {
    first: `u32(max(0, i32(${at}) + ${padding - size + stride}) / ${stride})`,
    end: `min(${limit}u, (${at} + ${padding}u) / ${stride}u + 1u)`,
  };
}
