/**
 * Runs that train together are resumed bit for bit, whatever happened to them and to the others; on an engine that computes on
 * the CPU, in the order of the GPU's.
 */

import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import { writtenResults } from '../../../test/writtenResults.js';
import type { Engine, Program } from '../../engine/engine.js';
import { lockstep } from '../../engine/gpu/lockstep.js';
import { selectEngine } from '../../engine/selectEngine.js';
import { parseConfig } from '../../settings/configFile.js';
import { openWorkbench } from '../workbench.js';
import { executePlan, type PlanEvents } from './executePlan.js';
import { planRuns } from './planRuns.js';

const file = parseConfig(
  `[A]
model = tiny
data = synthetic:64
batch_size = 16
epochs = 2
select = validation
validation_split = 16
initial_learning_rate = 0.05
device = cpu
threads = 1
`,
  'together.cfg',
);
const paths = [0, 1, 2].map((seed) => `seed-${seed}/A`);

let cpu: Engine;
beforeAll(async () => {
  cpu = await selectEngine('cpu', { threads: 1 });
});
afterAll(() => cpu.dispose());

/** Called before a phase of so many networks from `first` on. */
type OnPhase = (phase: string, first: number, count: number, programs: readonly Program[]) => void;

/** An engine that computes one network after the other, each when the GPU would, and holds so many at a time. */
function engineInTurns(onPhase: OnPhase, most: number): Engine {
  const loadTogether: Engine['loadTogether'] = async (plans) => {
    const programs = await Promise.all(plans.slice(0, most).map((plan) => cpu.load(plan)));
    const { run, settle, leave } = lockstep(programs.length, async (phase, first, count = 1) => {
      onPhase(phase, first, count, programs);
      for (const program of programs.slice(first, first + count)) await program.run(phase);
    });
    const together = programs.map((program, network) => ({
      ...program,
      run: (phase: string) => run(network, phase),
      write: (...given: Parameters<Program['write']>) => {
        settle(network);
        program.write(...given);
      },
      read: (...given: Parameters<Program['read']>) => {
        settle(network);
        return program.read(...given);
      },
      dispose: async () => {
        leave(network);
        await program.dispose();
      },
    }));
    return plans.map((_, network) => (together[network] ? Promise.resolve(together[network]) : null));
  };
  return { ...cpu, loadTogether };
}

interface Watched {
  readonly seeds?: readonly number[];
  /** Number of networks that the engine holds at a time. */
  readonly most?: number;
  readonly onPhase?: OnPhase;
  readonly onEpoch?: (path: string, epoch: number) => void;
  readonly signal?: AbortSignal;
}

/** Trains three seeds together; tells how they ended, in order, and what else was said. */
async function train(out: string, { seeds = [0, 1, 2], most = 3, onPhase = () => {}, onEpoch, signal }: Watched = {}) {
  const plan = planRuns([{ file, section: 'A' }], { seeds, out, settings: {}, budgetSettings: {} });
  const ends: string[] = [];
  const events: PlanEvents = {
    runs: ({ run }) => ({ task: () => {}, line: () => {}, onEpoch: ({ epoch }) => onEpoch?.(run.path, epoch) }),
    ends: ({ run }, end) => ends.push(`${run.path} ${end.type}${'reason' in end ? `: ${end.reason}` : ''}`),
    line: (text) => ends.push(text),
  };
  const own = openWorkbench();
  const bench = { ...own, engine: async () => engineInTurns(onPhase, most), disposeEngine: async () => {} };
  const how = { force: false, bench, events, signal: signal ?? new AbortController().signal, onTraining: () => {} };
  await executePlan(plan, { ...how, together: 3 }).finally(own.dispose);
  return ends;
}

/** Files of three runs that each trained alone. */
const alone = temporaryFolder();
beforeAll(async () => {
  for (const seed of [0, 1, 2]) await train(alone, { seeds: [seed] });
});

function expectSame(out: string, runs: readonly string[] = paths): void {
  for (const path of runs) expect(writtenResults(join(out, path)), path).toEqual(writtenResults(join(alone, path)));
}

it('runs whose checkpoints stand at other epochs and steps compute together', async () => {
  const out = temporaryFolder();
  const [atEpoch, atStep] = [new AbortController(), new AbortController()];
  await train(out, { seeds: [0], onEpoch: () => atEpoch.abort(), signal: atEpoch.signal });
  let steps = 0;
  const onPhase: OnPhase = (phase, _, count) => {
    if (phase === 'train' && count === 2 && ++steps === 2) atStep.abort();
  };
  expect(await train(out, { seeds: [0, 1], onPhase, signal: atStep.signal })).toEqual([]);
  // One stands in the midst of its second epoch, one in that of its first, one has not begun.
  const together: number[] = [];
  const ends = await train(out, { onPhase: (phase, _, count) => void (phase === 'train' && together.push(count)) });
  expect(ends.toSorted()).toEqual(paths.map((path) => `${path} finished`));
  expect(Math.max(...together)).toBe(3);
  expectSame(out);
});

it('those that go on beside one that diverges are as alone, and so is one that fails and goes on later', async () => {
  const out = temporaryFolder();
  let steps = 0;
  const ends = await train(out, {
    onPhase: (phase, _first, _count, programs) => {
      if (phase === 'train' && ++steps === 2) programs[1]!.write('parameters', [Number.NaN]);
    },
    onEpoch: (path) => {
      if (path === paths[2]) throw new Error('no space left');
    },
  });
  const diverged = expect.stringMatching(/^seed-1\/A failed: .*finite/);
  expect(ends.toSorted()).toEqual(['seed-0/A finished', diverged, 'seed-2/A failed: no space left']);
  // What has diverged is not tried again.
  expect((await train(out)).toSorted()).toEqual(['seed-0/A reused', diverged, 'seed-2/A finished']);
  expectSame(out, [paths[0]!, paths[2]!]);
});

it('all are resumed from where a killed process has left them, one after the others where the memory holds two', async () => {
  const out = temporaryFolder();
  const killed = temporaryFolder();
  await train(out, {
    onEpoch: (path, epoch) => {
      // The others have not recorded this epoch yet, or have begun the next.
      if (path === paths[1] && epoch === 1) cpSync(out, killed, { recursive: true });
    },
  });
  for (const seed of [0, 1, 2]) rmSync(join(killed, `seed-${seed}/.A.lock`), { recursive: true });
  const stop = new AbortController();
  const note = "NOTE: the GPU's memory holds 2 of 3 networks at a time; the others train after them";
  // Ctrl-C ends the one that waits, too.
  expect(await train(killed, { most: 2, onPhase: () => stop.abort(), signal: stop.signal })).toEqual([note]);
  const [said, ...ends] = await train(killed, { most: 2 });
  expect([said, ...ends.toSorted()]).toEqual([note, ...paths.map((path) => `${path} finished`)]);
  expect(ends.at(-1)).toBe('seed-2/A finished');
  expectSame(killed);
});
