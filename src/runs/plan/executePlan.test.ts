/** Faults that stop a plan and faults that do not, with a workbench that breaks; the order of runs side by side, with lanes that train nothing. */

import { expect, it, vi } from 'vitest';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import type { Engine } from '../../engine/engine.js';
import { InputError } from '../../errors.js';
import { parseConfig } from '../../settings/configFile.js';
import { readConfigFile } from '../../settings/readConfigFile.js';
import { openWorkbench, type Workbench } from '../workbench.js';
import { executePlan, type Lane, type Lanes, type PlanEvents, type RunEnd } from './executePlan.js';
import { planRuns } from './planRuns.js';

const out = temporaryFolder();

const file = readConfigFile('configs/train_resnet_quant_fp.cfg');
const sections = ['DEFAULT', 'DEFAULT_INIT', 'FP_W2Q_INIT', 'PARAMETRIC_FP_WQ_DELTA_XMAX'];
const planned = sections.map((section) => ({ file, section }));
const plan = planRuns(planned, { seeds: [0], out, settings: { data: 'synthetic:16' }, budgetSettings: {} });

const told = (ends: string[], lines: string[] = []): PlanEvents => ({
  runs: () => ({ task: () => {}, line: () => {} }),
  ends: ({ run }, end) => ends.push(`${run.experiment.name} ${end.type}: ${'reason' in end ? end.reason : ''}`),
  line: (text) => lines.push(text),
});

/** Executes the plan with images that cannot be had; tells how the runs ended and how often all was given back. */
async function executeWith(fault: Error, runs = plan) {
  const ends: string[] = [];
  let disposals = 0;
  const bench: Workbench = {
    engine: () => Promise.reject(fault),
    disposeEngine: async () => {},
    data: () => Promise.reject(fault),
    dispose: async () => void disposals++,
  };
  const signal = new AbortController().signal;
  const end = await executePlan(runs, { force: false, bench, events: told(ends), signal, onTraining: () => {} });
  return { end, ends, disposals };
}

it('a fault of the engine ends its run, leaves out those that start from it, and stops no other', async () => {
  const broken = await executeWith(new Error('the device is lost'));
  expect(broken.ends).toEqual([
    'DEFAULT failed: the device is lost',
    'DEFAULT_INIT left out: DEFAULT has no parameters to start from',
    'FP_W2Q_INIT left out: DEFAULT has no parameters to start from',
    'PARAMETRIC_FP_WQ_DELTA_XMAX failed: the device is lost',
  ]);
  expect(broken.end).toEqual({ complete: true, failed: 4 });
  expect(broken.disposals).toBe(2);
});

it('leaves out those that would learn from it as well', async () => {
  const taught = parseConfig('[LARGE]\n[PUPIL]\ndistill = LARGE\n', 'taught.cfg');
  const options = { seeds: null, out, settings: { data: 'synthetic:16' }, budgetSettings: {} };
  const { ends } = await executeWith(new Error('lost'), planRuns([{ file: taught, section: 'PUPIL' }], options));
  expect(ends).toEqual(['LARGE failed: lost', 'PUPIL left out: LARGE has no best parameters to learn from']);
});

it('what is wrong with the call stops everything', async () => {
  await expect(executeWith(new InputError('no images'))).rejects.toThrow(new InputError('no images'));
});

/** Lanes with places for so many runs, each of which trains by a function. */
function lanesOf(
  places: readonly number[],
  train: Lane['train'],
): { readonly lanes: Lanes; readonly opened: number[] } {
  const free = [...places.keys()];
  const opened: number[] = [];
  const open = (count: number): Lane => {
    const lane = free.shift()!;
    let present = opened[opened.push(count) - 1]!;
    const leave = (): void => {
      present--;
      if (present === 0) free.unshift(lane);
    };
    return { train, leave };
  };
  const freePlaces = (): number[] => free.map((lane) => places[lane]!);
  return { lanes: { atOnce: places.length, freePlaces, open }, opened };
}

/** Runs of the plan in lanes, by default two, that begin and end when they are told to. */
function runsInLanes(signal: AbortSignal, { places = [1, 1], planned = plan } = {}) {
  const ends: string[] = [];
  const begun = new Map<string, { prepared(): void; ends(end: RunEnd | Error): void }>();
  const { lanes, opened } = lanesOf(
    places,
    (run, how) =>
      new Promise((done, failed) => {
        how.signal.addEventListener('abort', () => done(null));
        const ends = (end: RunEnd | Error) => (end instanceof Error ? failed(end) : done(end));
        begun.set(run.experiment.name, { prepared: how.onTraining, ends });
      }),
  );
  const bench: Workbench = {
    engine: () => Promise.reject(new Error('is for the lanes')),
    disposeEngine: async () => {},
    data: () => Promise.reject(new Error('is for the lanes')),
    dispose: async () => {},
  };
  // None starts from another: what has begun leaves no files here.
  const independent = planned.map((run) => ({ ...run, startsFrom: null }));
  const options = { force: false, bench, events: told(ends), signal, onTraining: () => {}, lanes };
  return { end: executePlan(independent, options), begun, ends, opened };
}

/** Lets go on what waits for nothing. */
const settled = () => new Promise((done) => setImmediate(done));

it('runs side by side are prepared one after the other, and the next begins where one ends', async () => {
  const { end, begun, ends } = runsInLanes(new AbortController().signal);
  const [first, second, third, fourth] = sections as [string, string, string, string];
  await settled();
  expect([...begun.keys()]).toEqual([first]);
  begun.get(first)!.prepared();
  await settled();
  expect([...begun.keys()]).toEqual([first, second]);
  begun.get(second)!.prepared();
  await settled();
  expect(begun.size).toBe(2);
  begun.get(second)!.ends({ type: 'finished' });
  await settled();
  expect([...begun.keys()]).toEqual([first, second, third]);
  // One that ends before it trains lets the next begin, too.
  begun.get(third)!.ends({ type: 'failed', reason: 'killed' });
  await settled();
  for (const name of [fourth, first]) begun.get(name)!.ends({ type: 'finished' });
  expect(await end).toEqual({ complete: true, failed: 1 });
  expect(ends).toEqual([
    `${second} finished: `,
    `${third} failed: killed`,
    `${fourth} finished: `,
    `${first} finished: `,
  ]);
});

it('runs that differ in numbers only take a lane together, as many as it has places, and the next begins where all have ended', async () => {
  const text = '[A]\n[B]\nnesterov = true\n[C]\nweight_decay = 0.1\n[D]\nepochs = 3\n[E]\nepochs = 4\n';
  const file = parseConfig(text, 'lanes.cfg');
  const sections = ['A', 'B', 'C', 'D', 'E'].map((section) => ({ file, section }));
  const settings = { data: 'synthetic:16', model: 'tiny' };
  const planned = planRuns(sections, { seeds: [0], out, settings, budgetSettings: {} });
  const { end, begun, ends, opened } = runsInLanes(new AbortController().signal, { places: [2, 2], planned });
  await settled();
  expect([[...begun.keys()], opened]).toEqual([['A', 'C'], [2]]);
  // The next lane waits for one of them.
  begun.get('C')!.prepared();
  await settled();
  expect([[...begun.keys()], opened]).toEqual([
    ['A', 'C', 'B'],
    [2, 1],
  ]);
  begun.get('B')!.prepared();
  begun.get('A')!.ends({ type: 'finished' });
  await settled();
  expect(begun.size).toBe(3);
  begun.get('C')!.ends({ type: 'failed', reason: 'lost' });
  await settled();
  expect([[...begun.keys()].slice(3), opened]).toEqual([
    ['D', 'E'],
    [2, 1, 2],
  ]);
  for (const name of ['E', 'D', 'B']) begun.get(name)!.ends({ type: 'finished' });
  expect(await end).toEqual({ complete: true, failed: 1 });
  expect(ends).toEqual(['A finished: ', 'C failed: lost', 'E finished: ', 'D finished: ', 'B finished: ']);
});

it('notes on the images of runs are told once, though lines of single runs are not', async () => {
  const data: Workbench['data'] = async (_experiment, { line }) => {
    line?.('NOTE: few inputs');
    throw new Error('lost');
  };
  const seeds = planRuns(planned.slice(0, 1), { seeds: [0, 1], out, settings: {}, budgetSettings: {} });
  const lines: string[] = [];
  const how = { force: false, signal: new AbortController().signal, onTraining: () => {} };
  await executePlan(seeds, { ...how, bench: { ...openWorkbench(), data }, events: told([], lines) });
  expect(lines).toEqual(['NOTE: few inputs']);
});

it('many lanes may listen to the signal without a warning', async () => {
  const warned = vi.spyOn(process, 'emitWarning');
  const { lanes } = lanesOf([1], async (_run, { signal }) => {
    for (let lane = 0; lane < 11; lane++) signal.addEventListener('abort', () => {});
    return { type: 'finished' };
  });
  const bench = openWorkbench();
  const options = { force: false, bench, events: told([]), signal: new AbortController().signal, onTraining: () => {} };
  await executePlan(plan.slice(0, 1), { ...options, lanes });
  expect(warned).not.toHaveBeenCalled();
  warned.mockRestore();
});

it('a signal stops all runs under way, and so does what is wrong with the call of one', async () => {
  const interrupt = new AbortController();
  const interrupted = runsInLanes(interrupt.signal);
  await settled();
  interrupt.abort();
  expect(await interrupted.end).toEqual({ complete: false, failed: 0 });
  expect([interrupted.begun.size, interrupted.ends]).toEqual([1, []]);

  // No lane listens yet.
  const early = new AbortController();
  const unbegun = runsInLanes(early.signal);
  early.abort();
  expect(await unbegun.end).toEqual({ complete: false, failed: 0 });
  expect([unbegun.begun.size, unbegun.ends]).toEqual([0, []]);

  const wrong = runsInLanes(new AbortController().signal);
  await settled();
  wrong.begun.get(sections[0]!)!.prepared();
  await settled();
  wrong.begun.get(sections[1]!)!.ends(new InputError('no images'));
  await expect(wrong.end).rejects.toThrow(new InputError('no images'));
  expect([wrong.begun.size, wrong.ends]).toEqual([2, []]);
});

/** A workbench whose engine breaks, and how many networks it was given at a time; `alone`: it takes one only. */
function brokenEngine({ alone = false } = {}) {
  const loaded: number[] = [];
  let disposals = 0;
  const loadTogether: Engine['loadTogether'] = async (plans) => {
    loaded.push(plans.length);
    throw new Error('lost together');
  };
  const engine: Engine = {
    ...{ name: 'gpu', description: 'broken' },
    load: async () => {
      throw new Error('lost alone');
    },
    ...(!alone && { loadTogether }),
    dispose: async () => {},
  };
  const own = openWorkbench();
  const bench: Workbench = { ...own, engine: async () => engine, disposeEngine: async () => void disposals++ };
  return { bench, own, loaded, disposals: () => disposals };
}

it('runs that differ in numbers only share the engine of one that computes them together', async () => {
  const settings = { data: 'synthetic:64', model: 'tiny', batchSize: '16' };
  const text = '[DEFAULT]\n[NESTEROV]\nnesterov = true\n[DECAY]\nweight_decay = 0.1\nepochs = 3\n';
  const file = parseConfig(text, 'numbers.cfg');
  const parts = ['DEFAULT', 'NESTEROV', 'DECAY'].map((section) => ({ file, section }));
  const runs = planRuns(parts, { seeds: [0, 1], out, settings, budgetSettings: {} });
  const { bench, own, loaded, disposals } = brokenEngine();
  const ends: string[] = [];
  const how = { force: false, events: told(ends), signal: new AbortController().signal, onTraining: () => {} };
  const end = await executePlan(runs, { ...how, bench, together: 3 });
  await own.dispose();
  expect(end).toEqual({ complete: true, failed: 6 });
  expect(ends).toEqual([
    'DEFAULT failed: lost together',
    'DECAY failed: lost together',
    'DEFAULT failed: lost together',
    'NESTEROV failed: lost together',
    'NESTEROV failed: lost together',
    'DECAY failed: lost alone',
  ]);
  expect([loaded, disposals()]).toEqual([[3, 2], 2]);
});

it('runs on other devices train alone, and so do all on the CPU, which is said once', async () => {
  const settings = { data: 'synthetic:64', model: 'tiny', batchSize: '16' };
  const ended = async (text: string, seeds: number[], how: { readonly alone?: boolean } = {}) => {
    const file = parseConfig(text, 'devices.cfg');
    const planned = ['FIRST', 'SECOND'].map((section) => ({ file, section }));
    const runs = planRuns(planned, { seeds, out, settings, budgetSettings: {} });
    const { bench, own } = brokenEngine(how);
    const [ends, lines]: [string[], string[]] = [[], []];
    const signal = new AbortController().signal;
    await executePlan(runs, {
      force: false,
      events: told(ends, lines),
      signal,
      onTraining: () => {},
      bench,
      together: 2,
    });
    await own.dispose();
    return { ends, lines };
  };
  const alone = (...names: string[]) => names.map((name) => `${name} failed: lost alone`);
  expect(await ended('[FIRST]\ndevice = gpu\n[SECOND]\ndevice = cpu\n', [0])).toEqual({
    ends: alone('FIRST', 'SECOND'),
    lines: [],
  });
  expect(await ended('[FIRST]\n[SECOND]\nnesterov = true\n', [0, 1], { alone: true })).toEqual({
    ends: alone('FIRST', 'SECOND', 'FIRST', 'SECOND'),
    lines: [expect.stringMatching(/^NOTE: runs on the CPU .* with --device cpu --parallel 2 so many train at a time$/)],
  });
});

it('seeds train together, too, where what they start from ended before', async () => {
  const folder = temporaryFolder();
  const file = parseConfig('[FIRST]\n[SECOND]\nweightfile = FIRST\n', 'two.cfg');
  const settings = { data: 'synthetic:32', model: 'tiny', batchSize: '16', epochs: '1', device: 'cpu' };
  const planOf = (...sections: string[]) =>
    planRuns(
      sections.map((section) => ({ file, section })),
      { seeds: [0, 1], out: folder, settings, budgetSettings: {} },
    );
  const { bench, own, loaded } = brokenEngine();
  const ends: string[] = [];
  const how = { force: false, events: told(ends), signal: new AbortController().signal, onTraining: () => {} };
  await executePlan(planOf('FIRST'), { ...how, bench: own });
  await executePlan(planOf('FIRST', 'SECOND'), { ...how, bench, together: 2 });
  await own.dispose();
  expect(ends).toEqual([
    ...['FIRST finished: ', 'FIRST finished: ', 'FIRST reused: ', 'FIRST reused: '],
    ...['SECOND failed: lost together', 'SECOND failed: lost together'],
  ]);
  expect(loaded).toEqual([2]);
});
