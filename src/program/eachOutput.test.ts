/** Scores of single classes and outputs against values worked out by hand. */

import { expect, it } from 'vitest';
import type { ImageSet } from '../data/imageSet.js';
import { eachOutput } from './eachOutput.js';

const scaling = { scale: [2], offset: [-1] };
const set = (count: number, more: Partial<ImageSet>): ImageSet => ({
  ...{ images: new Uint8Array(count), labels: new Int32Array(count), count, height: 1, width: 1, channels: 1 },
  ...more,
});

function scoresOf(
  task: Parameters<typeof eachOutput>[0],
  images: ImageSet,
  names: readonly string[],
  outputs: readonly (readonly number[])[],
) {
  const each = eachOutput(task, images, names, scaling);
  outputs.forEach((own, image) => {
    each.add(own, image);
  });
  return each.scores();
}

it('a class has the fraction of its inputs that are taken for others, and the one they are mostly taken for', () => {
  const labels = Int32Array.of(0, 0, 0, 0, 1, 1);
  const [one, two, three] = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  const scores = scoresOf(
    { loss: 'classes', target: 'data' },
    set(6, { labels }),
    ['a', 'b', 'c'],
    [...[one!, three!, two!, three!], ...[two!, two!]],
  );
  expect(scores).toEqual([
    { class: 'a', inputs: 4, error: 0.75, taken_for: 'c' },
    { class: 'b', inputs: 2, error: 0, taken_for: null },
    { class: 'c', inputs: 0, error: null, taken_for: null },
  ]);
});

it('outputs that are no numbers are wrong and of no class', () => {
  const task = { loss: 'classes', target: 'data' } as const;
  expect(scoresOf(task, set(1, {}), ['a', 'b'], [[Number.NaN, 0]])[0]).toEqual({
    ...{ class: 'a', inputs: 1, error: 1, taken_for: null },
  });
});

it('a number has the root of its mean squared error, the mean of the errors, and the share of variance it explains', () => {
  const targets = { values: Float32Array.of(1, 5, 2, 5, 3, 5), shape: [2] };
  const outputs = [
    [1, 5],
    [2, 6],
    [6, 3],
  ];
  const [x, y] = scoresOf({ loss: 'values', target: 'data' }, set(3, { targets }), ['x', 'y'], outputs);
  // Squared errors 0, 0, 9 around targets of a variance of 2/3.
  expect(x).toEqual({ output: 'x', rmse: Math.sqrt(3), mean_error: 1, r2: 1 - 9 / 2 });
  expect(y).toEqual({ output: 'y', rmse: Math.sqrt(5 / 3), mean_error: 1, r2: null });
});

it('numbers at many places are judged by their last axis, and numbered where names are of something else', () => {
  const targets = { values: Float32Array.of(0, 10, 2, 14), shape: [2, 2] };
  const scores = scoresOf({ loss: 'values', target: 'data' }, set(1, { targets }), ['only'], [[1, 10, 3, 10]]);
  expect(scores).toEqual([
    { output: '0', rmse: 1, mean_error: 1, r2: 0 },
    { output: '1', rmse: Math.sqrt(8), mean_error: 2, r2: 1 - 16 / 8 },
  ]);
});

it('an autoencoder has the mean squared error of the inputs of each class', () => {
  const images = Uint8Array.of(1, 2, 3);
  const inputs = set(3, { images, labels: Int32Array.of(0, 0, 1) });
  // The inputs enter as 1, 3, 5.
  const scores = scoresOf({ loss: 'values', target: 'input' }, inputs, ['normal', 'odd', 'none'], [[2], [0], [9]]);
  expect(scores).toEqual([
    { class: 'normal', inputs: 2, mse: 5 },
    { class: 'odd', inputs: 1, mse: 16 },
    { class: 'none', inputs: 0, mse: null },
  ]);
});

it('a label has the area under the curve over the inputs that are known to have it or not', () => {
  const targets = { values: Int32Array.of(0, 1, 1, 1, 1, -1, 0, 1), shape: [2] };
  const outputs = [
    [-3, 0],
    [2, 0],
    [1, 0],
    [1.5, 0],
  ];
  expect(scoresOf({ loss: 'labels', target: 'data' }, set(4, { targets }), ['a', 'b'], outputs)).toEqual([
    { label: 'a', there: 2, not_there: 2, auc: 3 / 4 },
    { label: 'b', there: 3, not_there: 0, auc: null },
  ]);
});

it('a class of pixels has the intersection of map and prediction over their union', () => {
  const targets = { values: Int32Array.of(0, 0, 1, -1), shape: [2, 2] };
  const [zero, one] = [
    [1, 0, 0],
    [0, 1, 0],
  ];
  const outputs = [[zero!, one!, one!, one!].flat()];
  expect(scoresOf({ loss: 'pixels', target: 'data' }, set(1, { targets }), ['a', 'b', 'c'], outputs)).toEqual([
    { class: 'a', pixels: 2, iou: 1 / 2 },
    { class: 'b', pixels: 1, iou: 1 / 2 },
    { class: 'c', pixels: 0, iou: null },
  ]);
});
