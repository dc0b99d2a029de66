/** The attributes of operations with a window, from what networks are written with, and the shapes of their results. */

import type { Shape } from '../../src/graph/tensor.js';
import type { AverageOptions } from '../../src/ops/averagePool.js';
import {
  type SizedAxisWindow,
  type SizedWindow,
  type SizedWindowOptions,
  sizedWindowOf,
  type Window,
  type WindowOptions,
  windowOf,
} from '../../src/ops/window.js';

/** A window whose options are numbers: what it is does not depend on what it slides over. */
export function windowLike(options: WindowOptions): Window {
  return windowOf(options, [], []);
}

export function sizedWindowLike(options: SizedWindowOptions): SizedWindow {
  return sizedWindowOf(options, []);
}

export function averageLike({ countsPadding = false, ...options }: AverageOptions) {
  return { ...sizedWindowLike(options), countsPadding };
}

/** [B,Y,X,channels] for Y×X windows on images [B,H,W,…]. */
export function windowedShape(
  [batch, height, width]: Shape,
  { rows, columns }: SizedWindow,
  channels: number,
): [number, number, number, number] {
  const count = (length: number, { size, stride, before, after, dilation }: SizedAxisWindow) =>
    Math.floor((length + before + after - (size - 1) * dilation - 1) / stride) + 1;
  return [batch!, count(height!, rows), count(width!, columns), channels];
}

export function optionsText(options: WindowOptions): string {
  return JSON.stringify(options).replaceAll(/[{}"]/g, '');
}
