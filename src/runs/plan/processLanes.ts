/**
 * Runs of a plan side by side, in child processes, which are called like jobs of a cluster and report to this one; a
 * process trains one run, or some together on one GPU. Processes, since an engine's main thread computes with its workers,
 * since the visible cards depend on the process, and since a killed one does not end the others.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { InputError } from '../../errors.js';
import type { EpochReport, StepReport } from '../../train/recorder.js';
import type { RunEvents } from '../runEvents.js';
import type { Lane, LaneOptions, Lanes, PlanEvents, RunEnd } from './executePlan.js';
import type { PlannedRun } from './planRuns.js';

/** A message about the run with this path, from the process that trains it, or a line about all that it trains. */
type LaneMessage = ({ readonly path: string } & LaneNews) | { readonly type: 'note'; readonly text: string };

type LaneNews =
  | { readonly type: 'task'; readonly given: Parameters<RunEvents['task']> }
  | { readonly type: 'line'; readonly given: Parameters<RunEvents['line']> }
  | { readonly type: 'onStep'; readonly given: readonly [StepReport] }
  | { readonly type: 'onEpoch'; readonly given: readonly [EpochReport] }
  | { readonly type: 'onTraining'; readonly given: readonly [] }
  | { readonly type: 'ends'; readonly given: readonly [RunEnd] };

/**
 * Lanes in which processes train.
 *
 * @param places the number of runs that each lane may train together
 * @param commandOf the command that trains some runs and no others, in the lane with this index, from 0
 */
export function processLanes(
  places: readonly number[],
  commandOf: (runs: readonly PlannedRun[], lane: number) => readonly string[],
): Lanes {
  const free = [...places.keys()];
  return {
    atOnce: places.reduce((sum, count) => sum + count),
    freePlaces: () => free.map((lane) => places[lane]!),
    open: (count) => {
      const lane = free.shift();
      if (lane === undefined) throw new Error('no lane is free');
      const command = (runs: readonly PlannedRun[]) => commandOf(runs, lane);
      return processLane(count, command, () => free.unshift(lane));
    },
  };
}

/** A run that trains in a lane, and how its end is told. */
interface Trained extends LaneOptions {
  done(end: RunEnd | null): void;
  failed(error: unknown): void;
}

/** A lane for so many runs, which trains those that come in one process. */
function processLane(
  count: number,
  commandOf: (runs: readonly PlannedRun[]) => readonly string[],
  onFree: () => void,
): Lane {
  const come = new Map<PlannedRun, Trained>();
  let [absent, present] = [0, count];
  const beginIfAll = (): void => {
    if (come.size + absent < count || come.size === 0) return;
    if ([...come.values()].some(({ signal }) => signal.aborted)) for (const { done } of come.values()) done(null);
    else trainApart(commandOf([...come.keys()]), new Map([...come].map(([{ path }, trained]) => [path, trained])));
  };
  return {
    train: (run, how) =>
      new Promise((done, failed) => {
        come.set(run, { ...how, done, failed });
        beginIfAll();
      }),
    leave: (run) => {
      if (!come.has(run)) {
        absent++;
        beginIfAll();
      }
      present--;
      if (present === 0) onFree();
    },
  };
}

/** Number of characters that are kept of a process's output: its last line says why it ended. */
const KEPT_CHARACTERS = 4096;

/**
 * Trains runs in a process group of its own, so that it gets a terminal's Ctrl-C only once, through this process.
 *
 * @param runs those that have not ended, by their paths
 */
function trainApart([program = '', ...words]: readonly string[], runs: Map<string, Trained>): void {
  const [{ signal, note }] = [...runs.values()] as [Trained];
  const stop = (): void => void child.kill('SIGTERM');
  const forAll = (end: (run: Trained) => void): void => {
    signal.removeEventListener('abort', stop);
    for (const run of runs.values()) end(run);
    runs.clear();
  };
  let end: RunEnd | null = null;
  let child: ChildProcess;
  try {
    child = spawn(program, words, {
      detached: true,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
  } catch (error) {
    forAll(({ failed }) => failed(error));
    return;
  }
  signal.addEventListener('abort', stop, { once: true });
  child.once('error', (error) => forAll(({ failed }) => failed(error)));
  child.on('message', (message: LaneMessage) => {
    if (message.type === 'note') {
      note(message.text);
      return;
    }
    const run = runs.get(message.path);
    if (!run) return;
    // The last one has ended when its process has.
    if (message.type === 'ends' && runs.size === 1) [end] = message.given;
    else hear(message, run);
    if (message.type === 'ends' && runs.size > 1) runs.delete(message.path);
  });
  let said = '';
  // There is none where the process could not be started.
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-KEPT_CHARACTERS);
  });
  child.once('close', (status, killedBy) => {
    const code = status ?? killedBy;
    const lastLine = said.trimEnd().split('\n').at(-1)!;
    forAll(({ done, failed }) => {
      if (end || signal.aborted) done(end);
      else if (code === 2) failed(new InputError(lastLine.replace(/^mpdnn: /, '')));
      else done({ type: 'failed', reason: `its process has ended with ${code}${lastLine && `: ${lastLine}`}` });
    });
  });
}

/** Passes on what a process tells of a run. */
function hear({ type, given }: LaneNews, { events, onTraining, done }: Trained): void {
  switch (type) {
    case 'task':
      events.task(...given);
      break;
    case 'line':
      events.line(...given);
      break;
    case 'onStep':
      events.onStep?.(...given);
      break;
    case 'onEpoch':
      events.onEpoch?.(...given);
      break;
    case 'onTraining':
      onTraining();
      break;
    case 'ends':
      done(...given);
      break;
    default:
      throw new Error(`no such message: ${type satisfies never}`);
  }
}

/**
 * Plan events that are sent to the parent process; if that ends, this process does.
 *
 * @throws InputError without a parent process that receives them
 */
export function toldEvents(): PlanEvents {
  if (!process.send) throw new InputError('--tell: is said by a process that has started this one; leave it out');
  // Errors are ignored: the parent may have ended.
  const tell = (message: LaneMessage): void => void process.send?.(message, undefined, undefined, () => {});
  const stop = (): void => void process.kill(process.pid, 'SIGTERM');
  if (!process.connected) stop();
  process.once('disconnect', stop);
  process.channel?.unref();
  return {
    runs: ({ run: { path } }) => ({
      task: (...given) => tell({ path, type: 'task', given }),
      line: (...given) => tell({ path, type: 'line', given }),
      onStep: (...given) => tell({ path, type: 'onStep', given }),
      onEpoch: (...given) => tell({ path, type: 'onEpoch', given }),
    }),
    trains: ({ run: { path } }) => tell({ path, type: 'onTraining', given: [] }),
    ends: ({ run: { path } }, end) => tell({ path, type: 'ends', given: [end] }),
    line: (text) => tell({ type: 'note', text }),
  };
}
