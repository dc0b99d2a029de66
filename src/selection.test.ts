import { expect, it } from 'vitest';
import { evaluatedOn, replacesChosen, selectionOf, selections } from './selection.js';

it('by images takes an epoch with less error, and the first of all; without any every epoch', () => {
  expect(selections.map((select) => replacesChosen(select, 0.9))).toEqual([true, true, true]);
  expect(selections.map((select) => replacesChosen(select, 0.2, 0.3))).toEqual([true, true, true]);
  expect(selections.map((select) => replacesChosen(select, 0.3, 0.3))).toEqual([false, false, true]);
  expect(selections.map((select) => replacesChosen(select, 0.4, 0.3))).toEqual([false, false, true]);
});

it('evaluates on the images that choose, else on the test images', () => {
  expect(selections.map(evaluatedOn)).toEqual(['test', 'validation', 'test']);
});

it('is known from the settings of a run, and was by the test images in those without it', () => {
  expect(selections.map((select) => selectionOf({ select }))).toEqual([...selections]);
  expect(selectionOf({})).toBe('test');
});
