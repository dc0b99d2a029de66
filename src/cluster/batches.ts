/**
 * Divides the runs of a plan into batches for a cluster: runs that can start at the same time, and the runs they wait
 * for.
 */

import type { PlannedRun } from '../runs/plan/planRuns.js';
import { standing } from '../runs/plan/standing.js';

/** Runs that may start at the same time: one array job. */
export interface Batch {
  readonly runs: readonly PlannedRun[];
  /** The run that all of them start from, if it has not finished yet. */
  readonly after: PlannedRun | null;
}

/** A run that is not sent, and the reason. */
export interface LeftOut {
  readonly run: PlannedRun;
  readonly reason: string;
}

/** Slurm takes arrays of up to 1001 elements by default (MaxArraySize). */
const LARGEST_BATCH = 1000;

/**
 * Batches in an order in which each follows the ones it waits for, unless these are queued already. `isQueued` tells
 * whether an earlier call has sent a run. Runs that start from a failed one are left out with it. Folders with other
 * settings count as absent: they are replaced, and so are the results of runs that started from them.
 */
export function planBatches(
  plan: readonly PlannedRun[],
  isQueued: (run: PlannedRun) => boolean,
): { readonly batches: readonly Batch[]; readonly leftOut: readonly LeftOut[] } {
  const groups = new Map<PlannedRun | null, PlannedRun[]>();
  const leftOut: LeftOut[] = [];
  const [finished, failed, replaced] = [new Set<PlannedRun>(), new Set<PlannedRun>(), new Set<PlannedRun>()];
  for (const run of plan) {
    const { startsFrom } = run;
    const now = standing(run);
    const isOfOtherStart = startsFrom !== null && replaced.has(startsFrom);
    if (isQueued(run)) {
      leftOut.push({ run, reason: 'in the queue' });
    } else if (startsFrom !== null && failed.has(startsFrom)) {
      failed.add(run);
      leftOut.push({ run, reason: `${startsFrom.path} has failed` });
    } else if (now.type === 'failed') {
      failed.add(run);
      leftOut.push({ run, reason: `has failed: ${now.fault}` });
    } else if (now.type === 'finished' && !isOfOtherStart) {
      finished.add(run);
      leftOut.push({ run, reason: 'finished before' });
    } else {
      if (now.type === 'other' || isOfOtherStart) replaced.add(run);
      const after = startsFrom === null || finished.has(startsFrom) ? null : startsFrom;
      groups.set(after, [...(groups.get(after) ?? []), run]);
    }
  }
  const batches = [...groups].flatMap(([after, runs]) => slices(runs).map((part) => ({ runs: part, after })));
  return { batches, leftOut };
}

function slices(runs: readonly PlannedRun[]): PlannedRun[][] {
  const count = Math.ceil(runs.length / LARGEST_BATCH);
  return Array.from({ length: count }, (_, at) => runs.slice(at * LARGEST_BATCH, (at + 1) * LARGEST_BATCH));
}
