import { expect, it } from 'vitest';
import type { FinishedRunResult } from '../reproduce/rowResult.js';
import { comparisons } from './comparisons.js';
import { measuresOf, type Point } from './point.js';

/** A network whose runs have these errors in percent, by seed: of the chosen epoch, the last one, the last tenth, in training. */
function point(
  id: string,
  label: string,
  errors: readonly (readonly [number | null, number, number, number] | null)[],
): Point {
  const runs = errors.flatMap((error, seed) => {
    if (!error) return [];
    const [best_test_err, last_test_err, lateError, trainingError] = error.map((percent) => percent && percent / 100);
    const summary = { best_epoch: best_test_err && 1, best_test_err, last_test_err };
    const run = { run: { seed, startsFrom: null }, summary, lateError, trainingError };
    return [run as unknown as FinishedRunResult];
  });
  const missing = errors.flatMap((error, seed) =>
    error ? [] : [{ seed, type: 'absent', reason: 'not run' } as const],
  );
  const row = { id, label, section: id.toUpperCase(), way: 'learned', variant: null };
  return {
    row,
    result: { row, runs, missing, error: null, gap: null },
    kbytes: 1,
    activationKbytes: 1,
  } as unknown as Point;
}

const rows = { learned: ['l'], allocated: ['a'], same: [], ends: [], narrow: [] };

function lines(points: readonly Point[]): unknown[] {
  const budgets = [{ kbytes: 40, rows, variants: ['v'] }];
  const blocks = comparisons(budgets, ['learned', 'allocated', 'same', 'narrow'], points, measuresOf(points));
  return blocks.flatMap((block) =>
    block.type === 'table' ? [block.columns.map(({ title }) => title), ...block.rows] : [],
  );
}

it('has a column for every error, with the interval of Student’s t by equal seeds and the number of pairs with less', () => {
  const learned = point('l', 'learned bits', [
    [12, 12, 12, 5],
    [13, 14, 13, 5],
    [14, 14, 15, 5],
  ]);
  const allocated = point('a', 'allocated bits', [
    [13, 13, 12, 6],
    [13.5, 14.5, 13, 6],
    [15.5, 14, 14, 6],
  ]);
  const names = ['40', 'learned bits `L`', 'allocated bits `A`'];
  // Means of -1, -0.5, -1.5 and -1, -0.5, 0; both deviate by 0.5, and 4.3027 · 0.5 / √3 = 1.24.
  expect(lines([learned, allocated])).toEqual([
    ['kB', 'network', 'beside', 'verdict', 'error', 'last epoch error', 'last tenth error', 'training error'],
    [
      ...names,
      'undecided',
      '-1.00 ± 1.24 (3 of 3)',
      '-0.50 ± 1.24 (2 of 3)',
      '+0.33 ± 1.43 (0 of 3)',
      '-1.00 (3 of 3)',
    ],
    ['40', 'learned bits `L`', 'the same bits', 'no bits that are alike fit', '', '', '', ''],
  ]);
});

it('tells what is decided, and by how many seeds, and what no seed has', () => {
  const allocated = point('a', 'allocated bits', [
    [13, 13, 13, 6],
    [14, 14, 14, 6],
    [15, 15, 15, 6],
  ]);
  const verdicts = (of: readonly Point[]) =>
    lines([...of, allocated]).flatMap((line) => (line as string[]).slice(3, 5));
  const error = (percent: number) => [percent, percent, percent, percent] as const;
  expect(verdicts([point('l', '', [error(12), error(13.1), error(14.05)])])).toContain('**ahead**');
  expect(verdicts([point('l', '', [error(14), error(15.1), null])])).toContain('**behind**, 2 of 3 seeds');
  expect(verdicts([point('l', '', [error(14), error(15), error(16)])])).toContain(
    'undecided, equal differences show no spread to decide by',
  );
  expect(verdicts([point('l', '', [error(14), null, null])])).toContain('undecided, 1 of 3 seeds');
  expect(verdicts([point('l', '', [null, null, null])])).toContain('no seed has both (`L`, seeds 0, 1, 2: not run)');
  const outside = [null, 13, 13, 6] as const;
  expect(verdicts([point('l', '', [outside, outside, outside])])).toContain(
    'no seed has both (`L`, no epoch inside the budget (seeds 0, 1, 2))',
  );
});

it('leaves out errors that are those of a column before in every run, or that no run has', () => {
  const titles = (...of: Parameters<typeof point>[2]) => measuresOf([point('l', '', of)]).map(({ title }) => title);
  expect(titles([1, 1, 1, 2], [2, 2, 2, 3])).toEqual(['error', 'training error']);
  expect(titles([1, 1, 1, 2], [2, 3, 3, 3])).toEqual(['error', 'last epoch error', 'training error']);
  expect(titles()).toEqual(['error']);
});
