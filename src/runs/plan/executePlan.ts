/**
 * Executes a plan: finished runs are reused, interrupted ones resumed, the others trained. All state is in the run
 * folders, so a plan may be killed anywhere and started again.
 *
 * Runs train one after another in this process, or side by side in lanes; those that differ in numbers only train together
 * if a GPU can do that. The next one is the first in the plan's order that waits for no other, after those that ended
 * before. It is prepared (images read, GPU tiles tuned) before the next begins, which then finds the results in the cache
 * folder.
 */

import { setMaxListeners } from 'node:events';
import { InputError } from '../../errors.js';
import { oneRank, type Ranks } from '../../program/ranks.js';
import { type Experiment, mayHaveSameOperations, resolveExperiment } from '../../settings/index.js';
import { describeData } from '../../train/dataDescription.js';
import { dataDifference } from '../../train/dataDifference.js';
import { TrainingFault } from '../../train/trainingSteps.js';
import { openRunFolder, withNetworkOfFile } from '../index.js';
import type { RunEvents } from '../runEvents.js';
import { runExperiment } from '../runExperiment.js';
import type { Workbench } from '../workbench.js';
import { type PlannedRun, prerequisites } from './planRuns.js';
import { keepFault, missingParameters, parametersToStartFrom, runRoot, type Standing, standing } from './standing.js';
import { trainTogether } from './trainTogether.js';

/** Position of a run in the plan, for messages. */
export interface PlanPosition {
  readonly run: PlannedRun;
  /** Counted from 1. */
  readonly index: number;
  readonly total: number;
}

export type RunEnd =
  | { readonly type: 'finished' | 'reused' | 'not finished' }
  | { readonly type: 'failed' | 'left out'; readonly reason: string };

export interface PlanEvents {
  /** A run begins or is resumed. */
  runs(position: PlanPosition): RunEvents;
  /** The run's preparations are over. */
  trains?(position: PlanPosition): void;
  ends(position: PlanPosition, end: RunEnd): void;
  /** A line for the user. */
  line(text: string): void;
}

export interface ExecuteOptions {
  /** Replace run folders with other settings. */
  readonly force: boolean;
  /** Train nothing and leave unfinished runs as they are. */
  readonly trainsNothing?: boolean;
  readonly bench: Workbench;
  readonly events: PlanEvents;
  readonly signal: AbortSignal;
  readonly onTraining: () => void;
  /** The processes that train together, by default only this one. */
  readonly ranks?: Ranks;
  /** Lanes in which runs train side by side; by default they train in this process. */
  readonly lanes?: Lanes | undefined;
  /** Without lanes, the number of runs that a GPU may train together in this process; by default one after another. */
  readonly together?: number | undefined;
}

/** Lanes, each of which trains one run, or some together, beside the others. */
export interface Lanes {
  /** Number of runs that may train at a time in all lanes. */
  readonly atOnce: number;
  /** Number of runs that each free lane may train together, the next lane first. */
  freePlaces(): readonly number[];
  /** Opens the next lane for so many runs. */
  open(runs: number): Lane;
}

/** A lane in use: it begins when all its runs have come or left, and is free again when all have left. */
export interface Lane {
  /** Trains a run; resolves to `null` if the signal came first. */
  train(run: PlannedRun, how: LaneOptions): Promise<RunEnd | null>;
  /** To be called once for every run, at its end, whether it has come or not. */
  leave(run: PlannedRun): void;
}

export interface LaneOptions {
  readonly events: RunEvents;
  /** Stops the run, with a checkpoint. */
  readonly signal: AbortSignal;
  /** To be called when the preparations are over. */
  readonly onTraining: () => void;
  /** A line for the user about all runs of the lane. */
  note(text: string): void;
}

/** What a run trains with: the workbench and, if it does so in a lane, that lane. */
interface Place {
  readonly bench: Workbench;
  readonly lane?: Lane | undefined;
}

/** The end of a plan; `complete` is false if the signal came first. */
export interface PlanEnd {
  readonly complete: boolean;
  /** Runs that diverged, or that could not start since another one did. */
  readonly failed: number;
}

/**
 * Executes a plan. A diverged run is a result like others; runs that would start or learn from it are left out. A run
 * that fails by a fault of the engine or of the program does not stop the others either, and is tried again the next time.
 *
 * @throws InputError for a faulty call, such as missing images, after active runs have written a checkpoint; before any
 *   run what `checkFolders` throws
 */
export async function executePlan(plan: readonly PlannedRun[], options: ExecuteOptions): Promise<PlanEnd> {
  const { force, trainsNothing, bench, events, signal, lanes, together = 1 } = options;
  checkFolders(plan, force);
  const stop = stoppedBy(signal);
  const positions = plan.map((run, at): PlanPosition => ({ run, index: at + 1, total: plan.length }));
  // Runs that ended before come first: they cost nothing, and those that wait for them can then train together.
  const toTrain = new Set(plan.filter(isToTrain));
  const waiting = positions.toSorted((a, b) => Number(toTrain.has(a.run)) - Number(toTrain.has(b.run)));
  const underWay = new Map<PlannedRun, Promise<void>>();
  const isOpen = (run: PlannedRun): boolean => underWay.has(run) || waiting.some((each) => each.run === run);
  let failed = 0;
  let isComplete = true;
  const told = new Set<string>();
  /** A line for the user, unless it was told before. */
  const note = (text: string): void => {
    if (!told.has(text)) events.line(text);
    told.add(text);
  };
  /** Displays leave out the lines of single runs; notes on images are told all the same. */
  const telling = (bench: Workbench): Workbench => ({
    ...bench,
    data: (experiment, { task }, whole) => bench.data(experiment, { task, line: note }, whole),
  });
  const faults: unknown[] = [];
  const settle = async (at: PlanPosition, { bench, lane }: Place, onTraining: () => void): Promise<void> => {
    try {
      const end = await endOf(at, { ...options, bench: telling(bench), signal: stop.signal, onTraining, lane, note });
      if (end?.type === 'failed' || end?.type === 'left out') failed++;
      if (end) events.ends(at, end);
      else isComplete = false;
    } catch (error) {
      faults.push(error);
      stop.abort();
    } finally {
      underWay.delete(at.run);
      lane?.leave(at.run);
    }
  };
  const begin = (at: PlanPosition, place: Place, isPrepared = () => {}): Promise<void> => {
    waiting.splice(waiting.indexOf(at), 1);
    const onTraining = (): void => {
      options.onTraining();
      events.trains?.(at);
      isPrepared();
    };
    const end = settle(at, place, onTraining);
    underWay.set(at.run, end);
    return end;
  };
  while (waiting.length > 0 && !stop.signal.aborted) {
    const places = lanes?.freePlaces() ?? (underWay.size === 0 ? [together] : []);
    const ready = waiting.filter(({ run }) => !prerequisites(run).some(isOpen));
    const [next] = ready;
    const [most] = places;
    if (most === undefined || !next) {
      await Promise.race(underWay.values());
      continue;
    }
    // Those behind one that is to be trained are so, too.
    const mayGroup = most > 1 && !trainsNothing && toTrain.has(next.run);
    const alike = mayGroup ? alikeRuns(ready) : [next];
    // Those of few runs are shared among the free lanes.
    const group = alike.slice(0, Math.min(most, Math.ceil(alike.length / places.length)));
    if (lanes) {
      const place = { bench, lane: lanes.open(group.length) };
      await new Promise<void>((isPrepared) => {
        void Promise.all(group.map((at) => begin(at, place, isPrepared))).then(() => isPrepared());
      });
      continue;
    }
    const engine = group.length > 1 ? await bench.engine(next.run.experiment).catch(() => null) : null;
    if (engine?.loadTogether) {
      const trainings = group.map((at) => (own: Workbench) => begin(at, { bench: own }));
      await trainTogether(bench, engine, trainings, { signal: stop.signal, line: note });
      continue;
    }
    if (engine) {
      const how = `--device cpu --parallel ${together}`;
      note(`NOTE: runs on the CPU train one after another here; with ${how} so many train at a time`);
    }
    await new Promise<void>((isPrepared) => void begin(next, { bench }, isPrepared).finally(isPrepared));
  }
  await Promise.all(underWay.values());
  if (faults.length > 0) throw faults[0];
  return { complete: isComplete && waiting.length === 0, failed };
}

function isToTrain(run: PlannedRun): boolean {
  return !['finished', 'failed'].includes(standing(run).type);
}

/** The first of the runs, with all that train on its device and may compute together with it. */
function alikeRuns(runs: readonly PlanPosition[]): PlanPosition[] {
  const [{ run: first }] = runs as [PlanPosition];
  const isAlike = ({ run: { experiment } }: PlanPosition): boolean =>
    experiment.device === first.experiment.device &&
    mayHaveSameOperations(experiment.settings, first.experiment.settings);
  return runs.filter(isAlike);
}

/** A controller that is aborted by the signal, or by its owner. */
function stoppedBy(signal: AbortSignal): AbortController {
  const stop = new AbortController();
  // One listener for each lane, however many there are.
  setMaxListeners(0, stop.signal);
  if (signal.aborted) stop.abort();
  signal.addEventListener('abort', () => stop.abort(), { once: true });
  return stop;
}

/** Executes a run to its end; null if it was interrupted. */
async function endOf(
  at: PlanPosition,
  options: ExecuteOptions & Place & Pick<LaneOptions, 'note'>,
): Promise<RunEnd | null> {
  const { run } = at;
  const { force, trainsNothing, events, signal, onTraining, lane, note } = options;
  const now = await standingWithData(at, options);
  if (now.type === 'finished') return { type: 'reused' };
  if (now.type === 'failed') return { type: 'failed', reason: now.fault };
  if (!force) refuseOther(run, now);
  if (trainsNothing) return { type: 'not finished' };
  const missing = missingParameters(run);
  if (missing !== null) return { type: 'left out', reason: missing };
  if (signal.aborted) return null;
  return lane ? lane.train(run, { events: events.runs(at), signal, onTraining, note }) : trainHere(at, now, options);
}

/** The state of the run; a finished one is `other` if its images are not those that it would use now. */
async function standingWithData(at: PlanPosition, { bench, events }: ExecuteOptions): Promise<Standing> {
  const now = standing(at.run);
  if (now.type !== 'finished') return now;
  const { experiment } = at.run;
  const root = runRoot(at.run);
  const { data: then } = openRunFolder(root).config;
  if (!then) {
    events.line(`${root}: older versions kept nothing of their images, so they cannot be compared with those of now`);
    return now;
  }
  try {
    const data = await bench.data(experiment, events.runs(at));
    const difference = dataDifference(then, describeData(experiment, data));
    return difference === null ? now : { type: 'other', difference };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    events.line(`${root}: its images cannot be compared with those of now: ${error.message}`);
    return now;
  }
}

/**
 * Checks the folders of a plan, before any run begins. `force`: folders of other runs are to be replaced.
 *
 * @throws InputError for the folder of a run with other settings, or with another start, unless `force` is set; for one
 *   that lacks a table or whose summary is damaged, and for what is no run folder
 */
export function checkFolders(plan: readonly PlannedRun[], force: boolean): void {
  for (const run of plan) {
    const now = standing(run);
    if (!force) refuseOther(run, now);
  }
}

function refuseOther(run: PlannedRun, now: Standing): void {
  if (now.type !== 'other') return;
  throw new InputError(
    `${runRoot(run)}: is of another run: ${now.difference}; set it back, choose another --out, or replace it with --force`,
  );
}

/** Trains a run in this process; null if it was interrupted. */
async function trainHere(at: PlanPosition, now: Standing, options: ExecuteOptions): Promise<RunEnd | null> {
  const { bench, events, signal, onTraining, ranks = oneRank } = options;
  const experiment = await withNetworkOfFile(ready(at.run, now.type === 'unfinished'));
  const force = now.type === 'other';
  try {
    const run = { force, events: events.runs(at), signal, onTraining, ranks };
    const { summary } = await runExperiment(experiment, at.run.file, bench, run);
    return summary && { type: 'finished' };
  } catch (error) {
    if (error instanceof InputError) throw error;
    // It waited for its turn on the GPU.
    if (signal.aborted && error === signal.reason) return null;
    const reason = error instanceof Error ? error.message : String(error);
    // Every rank does, since the first one to end ends the others.
    if (error instanceof TrainingFault) keepFault(at.run, reason);
    // The next run gets a new engine, since a lost device stays lost.
    else await bench.dispose();
    return { type: 'failed', reason };
  }
}

/** The experiment with settings known only now: whether it is resumed, and the file it starts from. */
function ready(run: PlannedRun, resume: boolean): Experiment {
  const { experiment, file } = run;
  const weights = parametersToStartFrom(run);
  const overrides = { ...Object.fromEntries(experiment.overrides), resume, ...(weights && { weights }) };
  return resolveExperiment(file, experiment.name, overrides, 'plan');
}
