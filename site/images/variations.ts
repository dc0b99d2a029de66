/** Variations of a drawing: slanted, rotated, stretched, with another pen. */

import type { Random } from '../../src/data/random.js';
import { drawStrokes, type Point, type Stroke } from './strokes.js';

export function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random.uniform();
}

/** The image of a variation of the strokes. */
export function drawVaried(strokes: readonly Stroke[], random: Random): Uint8Array {
  const slant = between(random, -0.15, 0.4);
  const turn = between(random, -0.12, 0.12);
  const width = between(random, 0.6, 1.1);
  const varied = ([x, y]: Point): Point => {
    const slanted = width * x - slant * y;
    return [slanted - turn * y, y + turn * slanted];
  };
  return drawStrokes(
    strokes.map((stroke) => stroke.map(varied)),
    between(random, 0.7, 1.7),
  );
}
