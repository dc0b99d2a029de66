/** Sentences about claims, from made-up errors. */

import { describe, expect, it } from 'vitest';
import { judge } from './claims.js';
import type { FinishedRunResult, RowResult } from './rowResult.js';
import { spreadOf, spreadText } from './spread.js';

/** A row with the errors, in percent, of the seeds 0, 1, …; `null`: that run diverged, or is still to come. */
function row(label: string, errors: readonly (number | null)[], type: 'failed' | 'absent' = 'failed'): RowResult {
  const finished = errors.flatMap((error, seed) => (error === null ? [] : [{ seed, error }]));
  return {
    row: { id: label, label, group: 'Uniform', section: label },
    runs: finished.map(
      ({ seed, error }) => ({ run: { seed }, summary: { best_test_err: error / 100 } }) as unknown as FinishedRunResult,
    ),
    missing: errors.flatMap((error, seed) => (error === null ? [{ seed, type, reason: '' }] : [])),
    error: spreadOf(finished.map(({ error }) => error)),
    gap: null,
  };
}

const verdict = (better: readonly (number | null)[], than: readonly (number | null)[], type?: 'absent') =>
  judge({ better: 'U3', than: 'U1' }, [row('U3', better), row('U1', than, type)]);

it('spreads are of samples', () => {
  expect(spreadOf([])).toBeNull();
  expect(spreadOf([3])).toEqual({ mean: 3, deviation: null, count: 1 });
  expect(spreadOf([1, 2, 6])).toEqual({ mean: 3, deviation: Math.sqrt(7), count: 3 });
  expect(spreadText({ mean: 8.576, deviation: 0.124, count: 3 })).toBe('8.58 ± 0.12');
  expect(spreadText({ mean: 8.576, deviation: null, count: 1 })).toBe('8.58');
});

describe('a claim', () => {
  it('holds where every seed says so', () => {
    expect(verdict([8, 8.2, 8.1], [9, 9.1, 9.2])).toEqual({
      verdict: 'holds',
      sentence:
        'Uniform: "U3" has an error of 8.10 ± 0.10 % (3 seeds), "U1" of 9.10 ± 0.10 % (3 seeds). The first is 1.00 points better, ± 0.25 over 3 seeds: as the paper says.',
    });
  });

  it('is contradicted by the same token, in so many words', () => {
    const judged = verdict([9, 9.1, 9.2], [8, 8.2, 8.1]);
    expect(judged.verdict).toBe('contradicted');
    expect(judged.sentence).toMatch(/The first is 1.00 points worse, ± 0.25 over 3 seeds: contrary to the paper\.$/);
  });

  it('is undecided within the 95 % interval of the differences of equal seeds', () => {
    // Differences 0.5, -0.3, 0.4: mean 0.2, standard error 0.25, times 4.30.
    const judged = verdict([8, 9, 10], [8.5, 8.7, 10.4]);
    expect(judged.verdict).toBe('undecided');
    expect(judged.sentence).toMatch(/0.20 points better, ± 1.08 over 3 seeds: these runs do not decide/);
    // Seeds differ by more than the rows do, but always by as much.
    expect(verdict([8, 9, 10], [8.5, 9.6, 10.5]).verdict).toBe('holds');
  });

  it('is not decided by one seed, whatever it says', () => {
    const [agrees, differs] = [verdict([8], [9]), verdict([9], [8])];
    expect([agrees.verdict, differs.verdict]).toEqual(['undecided', 'undecided']);
    expect(agrees.sentence).toMatch(/1.00 points better, as the paper says; but one seed decides nothing\.$/);
    expect(differs.sentence).toMatch(/1.00 points worse, contrary to the paper; but one seed decides nothing\.$/);
    expect(verdict([8], [8]).sentence).toMatch(/8.00 % \(one seed\)\. They are equal; but one seed decides nothing\.$/);
  });

  it('is not decided by differences that are all equal, as those of few images are by chance', () => {
    const judged = verdict([8, 8.5], [8.5, 9]);
    expect(judged.verdict).toBe('undecided');
    expect(judged.sentence).toMatch(/as the paper says; but 2 equal differences show no spread to decide by\.$/);
    // In floats, their deviation is not quite zero.
    expect(verdict([86.5, 84.6, 83.1], [86.2, 84.3, 82.8]).verdict).toBe('undecided');
  });

  it('counts a network that never trains as worse, and names seeds that are left out', () => {
    expect(verdict([8], [null])).toMatchObject({ verdict: 'holds' });
    expect(verdict([null], [8])).toMatchObject({ verdict: 'contradicted' });
    expect(verdict([null], [null])).toMatchObject({ verdict: 'unknown' });
    expect(verdict([8], [null], 'absent')).toMatchObject({ verdict: 'unknown' });
    const judged = verdict([8, 8.1, 8.2], [9, null, 9.21]);
    expect(judged.sentence).toContain('Without seed 1 of "U1", which has no result.');
    expect(judged.verdict).toBe('holds');
    expect(verdict([8, null], [null, 9])).toMatchObject({ verdict: 'unknown' });
  });
});
