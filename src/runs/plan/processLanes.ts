/**
 * Runs of a plan side by side, each in a child process, which is called like a job of a cluster and reports to this
 * one. Processes, since an engine's main thread computes with its workers, since the visible cards depend on the
 * process, and since a killed one does not end the others.
 */

import { spawn } from 'node:child_process';
import { InputError } from '../../errors.js';
import type { EpochReport, StepReport } from '../../train/recorder.js';
import type { RunEvents } from '../runEvents.js';
import type { LaneOptions, Lanes, PlanEvents, RunEnd } from './executePlan.js';
import type { PlannedRun } from './planRuns.js';

/** A message from the process of a run. */
type LaneMessage =
  | { readonly type: 'task'; readonly given: Parameters<RunEvents['task']> }
  | { readonly type: 'line'; readonly given: Parameters<RunEvents['line']> }
  | { readonly type: 'onStep'; readonly given: readonly [StepReport] }
  | { readonly type: 'onEpoch'; readonly given: readonly [EpochReport] }
  | { readonly type: 'onTraining'; readonly given: readonly [] }
  | { readonly type: 'ends'; readonly given: readonly [RunEnd] };

/** @param commandOf the command that trains a run alone, in the lane with this index, from 0 */
export function processLanes(count: number, commandOf: (run: PlannedRun, lane: number) => readonly string[]): Lanes {
  const free = Array.from({ length: count }, (_, lane) => lane);
  return {
    count,
    train: async (run, how) => {
      const lane = free.shift();
      if (lane === undefined) throw new Error(`more than ${count} runs at a time`);
      try {
        return await trainApart(commandOf(run, lane), how);
      } finally {
        free.unshift(lane);
      }
    },
  };
}

/** Number of characters that are kept of a process's output: its last line says why it ended. */
const KEPT_CHARACTERS = 4096;

/** Trains a run in a process group of its own, so that it gets a terminal's Ctrl-C only once, through this process. */
async function trainApart(
  [program = '', ...words]: readonly string[],
  { events, signal, onTraining }: LaneOptions,
): Promise<RunEnd | null> {
  const child = spawn(program, words, {
    detached: true,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let end: RunEnd | null = null;
  child.on('message', ({ type, given }: LaneMessage) => {
    switch (type) {
      case 'task':
        return events.task(...given);
      case 'line':
        return events.line(...given);
      case 'onStep':
        return events.onStep?.(...given);
      case 'onEpoch':
        return events.onEpoch?.(...given);
      case 'onTraining':
        return onTraining();
      case 'ends':
        [end] = given;
        return;
      default:
        throw new Error(`no such message: ${type satisfies never}`);
    }
  });
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-KEPT_CHARACTERS);
  });
  const stop = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  const code = await new Promise<number | NodeJS.Signals | null>((done, failed) => {
    child.once('error', failed);
    child.once('close', (status, killedBy) => done(status ?? killedBy));
  }).finally(() => signal.removeEventListener('abort', stop));
  if (end) return end;
  if (signal.aborted) return null;
  const lastLine = said.trimEnd().split('\n').at(-1)!;
  if (code === 2) throw new InputError(lastLine.replace(/^mpdnn: /, ''));
  return { type: 'failed', reason: `its process has ended with ${code}${lastLine && `: ${lastLine}`}` };
}

/**
 * Plan events of a single run that are sent to the parent process; if that ends, this process does.
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
    runs: () => ({
      task: (...given) => tell({ type: 'task', given }),
      line: (...given) => tell({ type: 'line', given }),
      onStep: (...given) => tell({ type: 'onStep', given }),
      onEpoch: (...given) => tell({ type: 'onEpoch', given }),
    }),
    trains: () => tell({ type: 'onTraining', given: [] }),
    ends: (_at, end) => tell({ type: 'ends', given: [end] }),
    // A plan prints lines for finished runs only, and the parent does that.
    line: () => {},
  };
}
