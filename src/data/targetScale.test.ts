import { expect, it } from 'vitest';
import { targetScaleNotes } from './targetScale.js';

const notes = (...values: number[]) =>
  targetScaleNotes({ values: Float32Array.from(values), shape: [2] }, ['width', 'height'], 'csv:boxes.csv');

it('names the first output whose targets are far from 0 or of another scale than 1', () => {
  expect(notes(1, 300, -1, 302)).toEqual([
    'NOTE: csv:boxes.csv: targets of height have a mean of 301 and a deviation of 1; networks learn numbers around 0 with a ' +
      'deviation of 1; subtract the mean and divide by the deviation, or training may diverge',
  ]);
  expect(notes(1, 0.001, -1, -0.001)[0]).toContain('targets of height have a mean of 0 and a deviation of 0.001;');
  expect(notes(40, 1, -40, -1)[0]).toContain('targets of width have a mean of 0 and a deviation of 40;');
});

it('tells how many others there are, outputs without names, and what to do with equal ones', () => {
  const unnamed = (...values: number[]) =>
    targetScaleNotes({ values: Float32Array.from(values), shape: [2] }, ['0', '1'], 'a.npz');
  expect(unnamed(300, -300, 300, -300)).toEqual([
    'NOTE: a.npz: targets of output 0 (and 1 more like these) have a mean of 300 and a deviation of 0; networks learn ' +
      'numbers around 0 with a deviation of 1; subtract the mean, or training may diverge',
  ]);
});

it('is silent about others, and about targets that are all the same', () => {
  expect(notes(5, 0.1, -5, -0.1)).toEqual([]);
  expect(notes(2, 1, 2, -1)).toEqual([]);
});
