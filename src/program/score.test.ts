/** Scores against values worked out by hand. */

import { describe, expect, it } from 'vitest';
import type { ImageSet } from '../data/imageSet.js';
import type { Images } from '../data/imageStream.js';
import { areaUnderCurve, type EvaluatedPart, type ScoredTask, scoreOf } from './score.js';

const set = (more: Partial<ImageSet>): ImageSet => ({
  ...{ images: new Uint8Array(4), labels: new Int32Array(4), count: 4, height: 1, width: 1, channels: 1 },
  ...more,
});
const scaling = { scale: [1], offset: [0] };
const errorOf = (task: ScoredTask, images: ImageSet, outputs: readonly (readonly number[])[]): number => {
  const score = scoreOf(task, images, scaling, 'test')();
  outputs.forEach((own, image) => {
    score.add(own, image);
  });
  return score.error();
};

it('the area under the curve counts pairs in the right order, ties a half', () => {
  expect(areaUnderCurve([1, 2, 3, 4], [0, 0, 1, 1])).toBe(1);
  expect(areaUnderCurve([4, 3, 2, 1], [0, 0, 1, 1])).toBe(0);
  expect(areaUnderCurve([1, 1, 1], [0, 1, 0])).toBe(0.5);
  // Of 2·3 pairs 3 are right and 1 is a tie; −1 counts nowhere.
  expect(areaUnderCurve([5, 2, 9, 2, 1, 7], [1, 1, -1, 0, 0, 0])).toBe(3.5 / 6);
});

it('there is no area under the curve of scores that are not numbers', () => {
  expect(areaUnderCurve([Number.NaN, 1, 2], [0, 1, 0])).toBeNaN();
});

describe('labels', () => {
  const task: ScoredTask = { target: 'data', metric: 'auc' };
  const targets = { values: Float32Array.of(0, 1, 1, 1, 1, -1, 0, 1), shape: [2] };

  it('are judged by the mean over those that some inputs have and others have not', () => {
    const outputs = [
      [-3, 0],
      [2, 0],
      [1, 0],
      [1.5, 0],
    ];
    // Of the first label 3 of 4 pairs are right; the second is there wherever it is known.
    expect(errorOf(task, set({ targets }), outputs)).toBe(1 - 3 / 4);
  });

  it('that none or all inputs have are refused', () => {
    const known = { values: Float32Array.of(1, 1, 1, -1), shape: [1] };
    const refused = (part: EvaluatedPart, message: string) =>
      expect(() => scoreOf(task, set({ targets: known }), scaling, part)).toThrow(
        `no label is there in some of the ${part} inputs and not in others; ${message}`,
      );
    refused('test', 'give some of both');
    refused('validation', 'set select = test or last, or a larger validation_split, or give some of both');
  });
});

describe('anomalies', () => {
  const task: ScoredTask = { target: 'input', metric: 'auc' };
  const labels = Int32Array.of(0, 0, 3, 3);

  it('are told by the mean squared error, group by group', () => {
    const images = Uint8Array.of(10, 10, 10, 10);
    const outputs = [[10], [14], [12], [13]];
    expect(errorOf(task, set({ images, labels }), outputs)).toBe(1 - 2 / 4);
    // Errors of 0 and 16 have the mean 8, those of 4 and 9 have 6.5.
    expect(errorOf(task, set({ images, labels, groups: Int32Array.of(5, 5, 8, 8) }), outputs)).toBe(1);
  });

  it('are refused where there are none, or in a group with normal inputs', () => {
    const refused = (images: ImageSet, part: EvaluatedPart, message: string) =>
      expect(() => scoreOf(task, images, scaling, part)).toThrow(
        `wants normal inputs (label 0) and others; ${message}`,
      );
    refused(set({}), 'test', 'all test inputs have label 0, as inputs without labels do; give labels of both');
    refused(
      set({}),
      'validation',
      'all validation inputs have label 0, as inputs without labels do; set select = test or last, or a larger validation_split, or give labels of both',
    );
    refused(set({ labels: Int32Array.of(1, 2, 1, 1) }), 'test', 'all test inputs have other labels; give labels of');
    const groups = Int32Array.of(1, 2, 2, 3);
    expect(() => scoreOf(task, set({ labels, groups }), scaling, 'test')).toThrow('group 2 has normal inputs');
  });
});

it('classes of pixels are judged by the mean of intersection over union, without those of no class', () => {
  const task: ScoredTask = { target: 'data', metric: 'iou' };
  const targets = { values: Int32Array.of(0, 1, 1, -1), shape: [1, 2] };
  const predicted = (...classes: readonly number[]) =>
    classes.flatMap((own) => [0, 1, 2].map((k) => Number(k === own)));
  const images = set({ count: 2, targets });
  // Class 0: 1 of 2, class 1: 1 of 2 pixels in common; class 2 is nowhere.
  expect(errorOf(task, images, [predicted(0, 1), predicted(0, 2)])).toBe(1 - 1 / 2);
  // Logits that are not numbers are of no class.
  const unknown = [Number.NaN, Number.NaN, Number.NaN];
  expect(
    errorOf(task, images, [
      [...unknown, ...predicted(1)],
      [...predicted(1), ...unknown],
    ]),
  ).toBe(1 / 2);
});

it('maps without any class are refused, of which there is no mean', () => {
  const targets = { values: Int32Array.of(-1, -1, -1, -1), shape: [1, 2] };
  const refused = (part: EvaluatedPart, message: string) =>
    expect(() => scoreOf({ target: 'data', metric: 'iou' }, set({ count: 2, targets }), scaling, part)).toThrow(
      `metric = iou: no pixel of the ${part} inputs has a class; ${message}`,
    );
  refused('test', 'give maps of classes from 0 on');
  refused('validation', 'set select = test or last, or a larger validation_split, or give maps of classes from 0 on');
});

it.each(['auc', 'iou'] as const)('%s is not known of streamed images', (metric) => {
  const stream = { ...set({}), files: [] } as unknown as Images;
  expect(() => scoreOf({ target: 'data', metric }, stream, scaling, 'test')).toThrow(
    `metric = ${metric}: is not known of streamed images; set stream = false`,
  );
});
