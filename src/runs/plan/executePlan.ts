/**
 * Runs a plan: what is finished is reused, what was interrupted goes on, the rest begins. Nothing is remembered beside
 * the run folders, so a plan may be killed anywhere and started again.
 */

import { InputError } from '../../errors.js';
import { oneRank, type Ranks } from '../../program/ranks.js';
import { type Experiment, resolveExperiment } from '../../settings/index.js';
import { describeData } from '../../train/dataDescription.js';
import { TrainingFault } from '../../train/train.js';
import { dataDifference } from '../dataDescription.js';
import { openRunFolder, withNetworkOfFile } from '../index.js';
import type { RunEvents } from '../runEvents.js';
import { runExperiment } from '../runExperiment.js';
import type { Workbench } from '../workbench.js';
import type { PlannedRun } from './planRuns.js';
import { keepFault, parametersToStartFrom, runRoot, type Standing, standing } from './standing.js';

/** Where a run stands in the plan, for messages. */
export interface PlanPosition {
  readonly run: PlannedRun;
  /** Counted from 1. */
  readonly index: number;
  readonly total: number;
}

export type RunEnd =
  | { readonly type: 'finished' | 'reused' }
  | { readonly type: 'failed' | 'left out'; readonly reason: string };

export interface PlanEvents {
  /** A run begins or goes on. */
  runs(position: PlanPosition): RunEvents;
  ends(position: PlanPosition, end: RunEnd): void;
  /** A line that stays. */
  line(text: string): void;
}

export interface ExecuteOptions {
  /** Replace run folders of other settings. */
  readonly force: boolean;
  readonly bench: Workbench;
  readonly events: PlanEvents;
  readonly signal: AbortSignal;
  readonly onTraining: () => void;
  /** The processes that train together, by default this one alone. */
  readonly ranks?: Ranks;
}

/** How the runs of a plan ended; `complete` is false if the signal came first. */
export interface PlanEnd {
  readonly complete: boolean;
  /** Runs that diverged, or that could not start since another one did. */
  readonly failed: number;
}

/**
 * A run that diverges is a result like others; those that would start from it are left out. A run that breaks by a
 * fault of the engine, or of the program, does not stop the others either; it is tried again the next time.
 *
 * @throws InputError for what is wrong with the call, such as images that are missing; before anything runs if a folder
 *   is of a run with other settings and `force` is not set
 */
export async function executePlan(plan: readonly PlannedRun[], options: ExecuteOptions): Promise<PlanEnd> {
  const { force, events, signal } = options;
  if (!force) refuseOthers(plan);
  let failed = 0;
  const ends = (at: PlanPosition, end: RunEnd): void => {
    if (end.type === 'failed' || end.type === 'left out') failed++;
    events.ends(at, end);
  };
  for (const [position, run] of plan.entries()) {
    const at: PlanPosition = { run, index: position + 1, total: plan.length };
    const now = await standingWithData(at, options);
    if (now.type === 'finished') ends(at, { type: 'reused' });
    else if (now.type === 'failed') ends(at, { type: 'failed', reason: now.fault });
    else if (run.startsFrom && parametersToStartFrom(run) === undefined) {
      ends(at, {
        type: 'left out',
        reason: `${run.startsFrom.experiment.name} has no parameters to start from`,
      });
    } else {
      if (!force) refuseOther(run, now);
      const end = await execute(at, now, options);
      if (end === null) return { complete: false, failed };
      ends(at, end);
    }
    if (signal.aborted && at.index < at.total) return { complete: false, failed };
  }
  return { complete: true, failed };
}

/** How far the run is; a finished one is another if its images are not those that it would see now. */
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
    const data = await bench.data(experiment, events.runs(at).task);
    const difference = dataDifference(then, describeData(experiment, data));
    return difference === null ? now : { type: 'other', difference };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    events.line(`${root}: its images cannot be compared with those of now: ${error.message}`);
    return now;
  }
}

/** Throws an `InputError` if a run's folder is of a run with other settings, or from another start. */
export function refuseOthers(plan: readonly PlannedRun[]): void {
  for (const run of plan) refuseOther(run, standing(run));
}

function refuseOther(run: PlannedRun, now: Standing): void {
  if (now.type !== 'other') return;
  throw new InputError(
    `${runRoot(run)}: is of another run: ${now.difference}; set it back, choose another --out, or replace it with --force`,
  );
}

/** Null if it was interrupted. */
async function execute(at: PlanPosition, now: Standing, options: ExecuteOptions): Promise<RunEnd | null> {
  const { bench, events, signal, onTraining, ranks = oneRank } = options;
  const experiment = await withNetworkOfFile(ready(at.run, now.type === 'unfinished'));
  const force = now.type === 'other';
  try {
    const run = { force, events: events.runs(at), signal, onTraining, ranks };
    const { summary } = await runExperiment(experiment, at.run.file, bench, run);
    return summary && { type: 'finished' };
  } catch (error) {
    if (error instanceof InputError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    // Every rank does, since the first of them to end ends the others.
    if (error instanceof TrainingFault) keepFault(at.run, reason);
    // The next run gets an engine of its own: a lost device stays lost.
    else await bench.dispose();
    return { type: 'failed', reason };
  }
}

/** The experiment with what is known only now: whether it goes on, and the file it starts from. */
function ready(run: PlannedRun, resume: boolean): Experiment {
  const { experiment, file } = run;
  const weights = parametersToStartFrom(run);
  const overrides = { ...Object.fromEntries(experiment.overrides), resume, ...(weights && { weights }) };
  return resolveExperiment(file, experiment.name, overrides, 'shared');
}
