/** The display of many runs at a time on a terminal of 80 columns. */

import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { epochReport, stepReport } from '../../test/trainingReports.js';
import { planRuns } from '../runs/plan/planRuns.js';
import { parseConfig } from '../settings/configFile.js';
import { planDisplay } from './planProgress.js';

const terminal = { isTTY: true, columns: 80, rows: 24 };
const before = Object.fromEntries(Object.keys(terminal).map((key) => [key, Reflect.get(process.stderr, key)]));
let drawn: string;
beforeEach(() => {
  drawn = '';
  vi.useFakeTimers();
  Object.assign(process.stderr, terminal);
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    drawn += text;
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  Object.assign(process.stderr, before);
});

const budgets = '[BUDGETS]\nw_quantize = parametric_fp_d_xmax\na_quantize = parametric_fp_d_xmax_relu\n';
const names = ['LEARNED', 'PARAMETRIC_FP_WAQ_DELTA_XMAX_INIT_RLR'];
const text = names.map((name) => budgets.replace('BUDGETS', name)).join('');
const numbers = { targetWeightKbytes: '70', targetActivationKbytes: '8.1', device: 'gpu' };

/** The lines that are drawn with so many seeds of two sections. */
function lines(seeds: number): string[] {
  const file = parseConfig(text, 'a.cfg');
  const plan = planRuns(
    names.map((section) => ({ file, section })),
    { seeds: Array.from({ length: seeds }, (_, seed) => seed), out: 'none', settings: numbers, budgetSettings: {} },
  );
  const display = planDisplay(plan.length);
  const events = plan.map((run, at) => display.runs({ run, index: at + 1, total: plan.length }));
  for (const [at, each] of events.entries()) {
    if (at > 0) each.onEpoch?.(epochReport(1));
    each.onStep?.({ ...stepReport(at, 1, []), epoch: 50 * at + 1 });
  }
  vi.advanceTimersByTime(150);
  const written = stripVTControlCharacters(drawn);
  display.stop();
  return written.split('\n').map((line) => line.trimEnd());
}

it('many runs are a table whose columns stand below each other, in 80 columns', () => {
  const [all, ...table] = lines(2);
  expect(all).toMatch(/^\S+ 0 of 4 runs/);
  expect(table).toEqual([
    'seed-0/LEARNED          1/160  loss 0.333  err 25 %',
    'seed-0/PA…X_INIT_RLR   51/160  loss 0.333  err 25 %   W 0.5/70  A 1.00/8.1 kB',
    'seed-1/LEARNED        101/160  loss 0.333  err 25 %   W 0.5/70  A 1.00/8.1 kB',
    'seed-1/PA…X_INIT_RLR  151/160  loss 0.333  err 25 %   W 0.5/70  A 1.00/8.1 kB',
  ]);
});

it('those that a terminal has no rows for are left out, and their number told', () => {
  const table = lines(12);
  expect(table.length).toBe(23);
  expect(table[0]).toMatch(/ 0 of 24 runs .*22 of 24 at a time are shown$/);
});
