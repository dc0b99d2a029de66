/** `--parallel N`: runs of a plan side by side on this machine, one process each. */

import { Option } from 'commander';
import { usableCores } from '../engine/cpu/nodePlatform.js';
import { seeingOnly } from '../ranks/cards.js';
import { thisMachine } from '../ranks/startRanks.js';
import type { Lanes } from '../runs/plan/executePlan.js';
import type { PlannedRun } from '../runs/plan/planRuns.js';
import { processLanes } from '../runs/plan/processLanes.js';
import type { Experiment } from '../settings/index.js';
import { positive } from './options.js';
import type { SubmissionOptions } from './submission.js';

export function parallelOption(): Option {
  return new Option('--parallel <n>', 'number of runs at a time on this machine, one process each').argParser(positive);
}

/**
 * Lanes for the runs of a plan; undefined for one run at a time. The runs share the cores unless the settings give
 * numbers of threads, and take turns at the cards.
 *
 * @param words the command line's words that make the plan; with `--run PATH` they train one of its runs
 */
export function sideBySide(
  plan: readonly PlannedRun[],
  words: readonly string[],
  { parallel: count = 1, force = false }: Pick<SubmissionOptions, 'parallel' | 'force'>,
): Lanes | undefined {
  if (count === 1) return undefined;
  const share = String(Math.max(1, Math.floor(usableCores() / count)));
  const onCardOf = plan.some(({ experiment: { device } }) => device === 'auto' || device === 'gpu')
    ? cardsByTurns()
    : null;
  return processLanes(count, ({ path, experiment }, lane) => {
    const program = [process.execPath, ...process.execArgv, process.argv[1] ?? ''];
    const how = ['--run', path, '--tell', ...(force ? ['--force'] : []), ...shareOf(experiment, share)];
    const call = [...program, ...words, ...how];
    return onCardOf ? onCardOf(lane, call) : call;
  });
}

function shareOf({ threads, data: { decodeThreads } }: Experiment, share: string): string[] {
  return [
    ...(threads === null ? ['--threads', share] : []),
    ...(decodeThreads === null ? ['--decode-threads', share] : []),
  ];
}

/**
 * Hides all cards but one from the command of a lane; null with fewer than two cards, or where cards cannot be hidden.
 */
function cardsByTurns(): ((lane: number, command: readonly string[]) => readonly string[]) | null {
  const { cards, unshare } = thisMachine();
  if (cards.length < 2) return null;
  if (unshare === null) {
    process.stderr.write(
      `NOTE: all runs share ${cards[0]}, since cards cannot be hidden from a process here (unshare --mount is not allowed)\n`,
    );
    return null;
  }
  return (lane, command) => seeingOnly(cards[lane % cards.length]!, cards, unshare, command);
}
