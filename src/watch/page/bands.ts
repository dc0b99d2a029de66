/**
 * Reduces a curve to pixel columns: the smallest and the largest value of each, so that no extreme is lost, and their
 * mean. Nothing is smoothed over columns.
 */

import { type Curve, countUntil } from './runData.js';

export interface Column {
  readonly x: number;
  readonly least: number;
  readonly mean: number;
  readonly most: number;
}

/**
 * The columns of the points between two values of x, and the nearest point on either side; one column a point if there
 * are fewer points than pixels. Non-finite values are left out.
 */
export function columnsOf({ x, y }: Curve, [from, to]: readonly [number, number], pixels: number): Column[] {
  const begin = Math.max(0, countUntil(x, from, (value) => value) - 1);
  const end = Math.min(x.length, countUntil(x, to, (value) => value) + 1);
  const isSparse = end - begin <= pixels;
  const columns: Column[] = [];
  let current = Number.NaN;
  let count = 0;
  for (let i = begin; i < end; i++) {
    const value = y[i]!;
    if (!Number.isFinite(value)) continue;
    const pixel = isSparse ? i : Math.floor(((x[i]! - from) / (to - from)) * pixels);
    const last = columns.at(-1);
    if (pixel !== current || !last) {
      current = pixel;
      count = 1;
      columns.push({ x: x[i]!, least: value, mean: value, most: value });
      continue;
    }
    count++;
    columns[columns.length - 1] = {
      x: last.x + (x[i]! - last.x) / count,
      least: Math.min(last.least, value),
      mean: last.mean + (value - last.mean) / count,
      most: Math.max(last.most, value),
    };
  }
  return columns;
}
