/** `--parallel N`: runs of a plan at a time on this machine, in processes, or on one GPU together in this process. */

import { Option } from 'commander';
import { usableCores } from '../engine/cpu/nodePlatform.js';
import { seeingOnly } from '../ranks/cards.js';
import { type Machine, thisMachine } from '../ranks/startRanks.js';
import type { ExecuteOptions } from '../runs/plan/executePlan.js';
import type { PlannedRun } from '../runs/plan/planRuns.js';
import { processLanes } from '../runs/plan/processLanes.js';
import type { Experiment } from '../settings/index.js';
import { positive } from './options.js';
import type { SubmissionOptions } from './submission.js';

export function parallelOption(): Option {
  return new Option('--parallel <n>', 'number of runs at a time on this machine').argParser(positive);
}

/** How runs train at a time: in lanes, or without any up to so many together in this process. */
export type SideBySide = Pick<ExecuteOptions, 'lanes' | 'together'>;

/**
 * The way in which so many runs of a plan train at a time. A GPU computes the seeds of a section together, in this process, or
 * in one for each card where there are several. Without a GPU each run has a process; they share the cores unless the
 * settings give numbers of threads.
 *
 * @param words the command line's words that make the plan; with `--run PATH` they train some of its runs
 */
export async function sideBySide(
  plan: readonly PlannedRun[],
  words: readonly string[],
  { parallel: count = 1, force = false }: Pick<SubmissionOptions, 'parallel' | 'force'>,
  here: () => Machine = thisMachine,
): Promise<SideBySide> {
  if (count === 1) return {};
  const machine = (await anyOnGpu(plan)) ? here() : null;
  const onCard = machine && ownCards(machine);
  if (machine && !onCard) return { together: count };
  const places = placesOf(count, onCard ? machine.cards.length : count);
  const share = String(Math.max(1, Math.floor(usableCores() / places.length)));
  const lanes = processLanes(places, (runs, lane) => {
    const [{ experiment }] = runs as [PlannedRun];
    const program = [process.execPath, ...process.execArgv, process.argv[1] ?? ''];
    const which = runs.flatMap(({ path }) => ['--run', path]);
    const how = ['--tell', ...(force ? ['--force'] : []), ...shareOf(experiment, share)];
    const call = [...program, ...words, ...which, ...how];
    return onCard ? onCard(lane, call) : call;
  });
  return { lanes };
}

/** The number of runs that each of at most so many lanes trains at a time: of 5 in 2 lanes 3 and 2. */
function placesOf(runs: number, lanes: number): number[] {
  const used = Math.min(runs, lanes);
  return Array.from({ length: used }, (_, lane) => Math.ceil((runs - lane) / used));
}

async function anyOnGpu(plan: readonly PlannedRun[]): Promise<boolean> {
  const devices = plan.map(({ experiment }) => experiment.device);
  if (devices.includes('gpu')) return true;
  return devices.includes('auto') && (await import('../engine/gpu/nodeGpu.js')).mayHaveGpu();
}

function shareOf({ threads, data: { decodeThreads } }: Experiment, share: string): string[] {
  return [
    ...(threads === null ? ['--threads', share] : []),
    ...(decodeThreads === null ? ['--decode-threads', share] : []),
  ];
}

/** Hides all cards but that of a lane from a command; null for a single card, and where cards cannot be hidden. */
function ownCards({
  cards,
  unshare,
}: Machine): ((lane: number, command: readonly string[]) => readonly string[]) | null {
  if (cards.length < 2) return null;
  if (unshare === null) {
    process.stderr.write(
      `NOTE: all runs share ${cards[0]}, since cards cannot be hidden from a process here (unshare --mount is not allowed)\n`,
    );
    return null;
  }
  return (lane, command) => seeingOnly(cards[lane]!, cards, unshare, command);
}
