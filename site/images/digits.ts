/**
 * Generated handwriting: digits as lines through a few randomly moved points, varied like drawings. A network trained
 * on enough of them can read digits drawn by a person.
 */

import { createRandom, type Random } from '../../src/data/random.js';
import type { LabelledImages } from '../../src/library/imageArrays.js';
import type { TrainingData } from '../../src/library/train.js';
import { digitShape } from './digitShape.js';
import { type Point, SIZE, type Stroke } from './strokes.js';
import { between, drawVaried } from './variations.js';

/** A line: curved, or straight from corner to corner. */
interface Line {
  readonly isCurved: boolean;
  readonly points: readonly Point[];
}

const curve = (...points: Point[]): Line => ({ isCurved: true, points });
const corners = (...points: Point[]): Line => ({ isCurved: false, points });

/** The ways to write each digit, in a square of 100 by 100. */
const shapes: readonly (readonly (readonly Line[])[])[] = [
  [[curve([50, 5], [22, 25], [18, 55], [30, 88], [50, 95], [72, 85], [82, 52], [76, 20], [48, 5])]],
  [[corners([50, 5], [50, 95])], [corners([30, 28], [52, 5], [52, 95])]],
  [
    [curve([20, 28], [34, 8], [60, 6], [76, 26], [62, 52], [36, 76], [18, 93]), corners([18, 93], [82, 92])],
    [curve([20, 25], [40, 6], [70, 10], [74, 35], [50, 66], [26, 90], [18, 80], [34, 74], [58, 88], [86, 90])],
  ],
  [
    [curve([20, 15], [45, 5], [72, 15], [68, 36], [42, 47]), curve([42, 47], [74, 55], [78, 80], [50, 95], [20, 85])],
    [corners([22, 8], [74, 8], [44, 42]), curve([44, 42], [74, 52], [76, 80], [50, 95], [20, 84])],
  ],
  [
    [corners([60, 5], [15, 62], [85, 62]), corners([62, 38], [62, 96])],
    [corners([24, 8], [18, 52], [76, 48]), corners([72, 10], [66, 95])],
  ],
  [[corners([75, 8], [30, 8], [26, 45]), curve([26, 45], [50, 38], [76, 52], [74, 80], [48, 95], [20, 86])]],
  [[curve([66, 6], [40, 25], [24, 58], [28, 86], [50, 95], [72, 84], [70, 62], [50, 54], [29, 68])]],
  [
    [corners([18, 10], [80, 10], [42, 95])],
    [curve([18, 14], [50, 10], [80, 8], [58, 45], [44, 95])],
    [corners([18, 10], [80, 10], [42, 95]), corners([32, 52], [72, 50])],
  ],
  [
    [
      curve(
        ...([
          [72, 18],
          [50, 5],
          [28, 18],
          [38, 40],
          [62, 56],
          [76, 78],
        ] as const),
        ...([
          [50, 96],
          [24, 80],
          [36, 56],
          [62, 40],
          [73, 18],
        ] as const),
      ),
    ],
  ],
  [
    [curve([73, 26], [54, 43], [30, 34], [34, 10], [58, 5], [73, 22]), corners([73, 22], [64, 95])],
    [curve([73, 26], [54, 43], [30, 34], [34, 10], [58, 5], [73, 24], [72, 62], [56, 92], [30, 88])],
  ],
];

const seed = 1;
const streams = { train: 10, test: 11 } as const;

/** Images of digits, equally many of each. */
export function generateDigits(train: number, test: number): TrainingData {
  return {
    ...digitShape,
    train: generate(train, createRandom(seed, streams.train)),
    test: generate(test, createRandom(seed, streams.test)),
  };
}

function generate(count: number, random: Random): LabelledImages {
  const images = new Uint8Array(count * SIZE);
  const labels = Int32Array.from({ length: count }, (_, index) => index % shapes.length);
  for (const [index, digit] of labels.entries()) images.set(writtenDigit(digit, random), index * SIZE);
  return { images, labels };
}

/** Units by which a point may be moved in each direction, by a tidy hand and by a shaky one. */
const MOVED = [2, 7] as const;

function writtenDigit(digit: number, random: Random): Uint8Array {
  const ways = shapes[digit]!;
  const way = ways[random.below(ways.length)]!;
  const most = between(random, ...MOVED);
  const moved = (along: number) => along + between(random, -most, most);
  return drawVaried(
    way.map(({ isCurved, points }): Stroke => {
      const through = points.map(([x, y]): Point => [moved(x), moved(y)]);
      return isCurved ? smooth(through) : through;
    }),
    random,
  );
}

const STEPS = 6;

/** A Catmull-Rom spline through the points. */
function smooth(points: readonly Point[]): Stroke {
  const at = (index: number) => points[Math.max(0, Math.min(points.length - 1, index))]!;
  const between = (index: number, t: number): Point => {
    const [a, b, c, d] = [at(index - 1), at(index), at(index + 1), at(index + 2)];
    const along = (axis: 0 | 1) =>
      (2 * b[axis] +
        (c[axis] - a[axis]) * t +
        (2 * a[axis] - 5 * b[axis] + 4 * c[axis] - d[axis]) * t * t +
        (3 * b[axis] - a[axis] - 3 * c[axis] + d[axis]) * t * t * t) /
      2;
    return [along(0), along(1)];
  };
  const inner = points
    .slice(1)
    .flatMap((_, index) => Array.from({ length: STEPS }, (_, step) => between(index, step / STEPS)));
  return [...inner, at(points.length - 1)];
}
