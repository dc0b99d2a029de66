/** Where runs train at a time: cards that are none, and a script in place of what hides them, which tells its words. */

import { expect, it, vi } from 'vitest';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import type { Lanes } from '../runs/plan/executePlan.js';
import { planRuns } from '../runs/plan/planRuns.js';
import { parseConfig } from '../settings/configFile.js';
import { sideBySide } from './sideBySide.js';

const out = temporaryFolder();

const planOn = (device: string) => {
  const planned = [{ file: parseConfig('[A]\n', 'side.cfg'), section: 'A' }];
  const settings = { device, data: 'synthetic:16', model: 'tiny', threads: '1' };
  return planRuns(planned, { seeds: [0, 1, 2], out, settings, budgetSettings: {} });
};

const tells = 'console.error(process.argv.slice(1).join(" ")); process.exitCode = 1';
const machine = (...cards: string[]) => ({
  cards,
  unshare: [process.execPath, '-e', tells, '--'],
  isConstrained: false,
});

/** The words with which the next lane trains so many runs of a plan. */
async function wordsOf(lanes: Lanes, plan: ReturnType<typeof planOn>): Promise<string> {
  const lane = lanes.open(plan.length);
  const events = { task: () => {}, line: () => {} };
  const how = { events, signal: new AbortController().signal, onTraining: () => {}, note: () => {} };
  const [end] = await Promise.all(plan.map((run) => lane.train(run, how)));
  return end && 'reason' in end ? end.reason : '';
}

it('runs share the places of several cards, each of which a process sees alone', async () => {
  const plan = planOn('gpu');
  const { lanes, together } = await sideBySide(plan, ['front', 'A'], { parallel: 5, force: true }, () =>
    machine('/c0', '/c1'),
  );
  expect([lanes!.atOnce, lanes!.freePlaces(), together]).toEqual([5, [3, 2], undefined]);
  const words = await wordsOf(lanes!, plan);
  expect(words).toMatch(/ sh -c .* sh \/c1 -- .*/);
  expect(words).toMatch(
    / front A --run seed-0\/A --run seed-1\/A --run seed-2\/A --tell --force --decode-threads \d+$/,
  );
  expect(lanes!.freePlaces()).toEqual([2]);
  expect(await wordsOf(lanes!, plan.slice(1, 2))).toMatch(/ sh \/c0 -- .* front A --run seed-1\/A --tell --force /);
  const few = await sideBySide(plan, [], { parallel: 2 }, () => machine('/c0', '/c1', '/c2'));
  expect([few.lanes!.atOnce, few.lanes!.freePlaces()]).toEqual([2, [1, 1]]);
});

it('runs train in this process on one card, and where cards cannot be hidden, which is said', async () => {
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  expect(await sideBySide(planOn('gpu'), [], { parallel: 3 }, () => machine('/c0'))).toEqual({ together: 3 });
  expect(said).not.toHaveBeenCalled();
  const fixed = { ...machine('/c0', '/c1'), unshare: null };
  expect(await sideBySide(planOn('gpu'), [], { parallel: 3 }, () => fixed)).toEqual({ together: 3 });
  expect(said).toHaveBeenCalledExactlyOnceWith(
    expect.stringMatching(/^NOTE: all runs share \/c0, since cards cannot be hidden/),
  );
  said.mockRestore();
});

it('each run has a process on the CPU, and one after another none', async () => {
  const { lanes } = await sideBySide(planOn('cpu'), [], { parallel: 3 });
  expect([lanes!.atOnce, lanes!.freePlaces()]).toEqual([3, [1, 1, 1]]);
  expect(await sideBySide(planOn('gpu'), [], {})).toEqual({});
});
