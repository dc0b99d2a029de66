/**
 * Divides the runs of a plan into batches for a cluster: runs that can start at the same time, and the runs they wait
 * for.
 */

import { type PlannedRun, prerequisites } from '../runs/plan/planRuns.js';
import { standing } from '../runs/plan/standing.js';

/** Runs that may start at the same time: one array job. */
export interface Batch {
  readonly runs: readonly PlannedRun[];
  /** The runs that each of them starts or learns from, if they have not finished yet. */
  readonly after: readonly PlannedRun[];
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
 * whether an earlier call has sent a run. Runs that start or learn from a failed one are left out with it. Folders with
 * other settings count as absent: they are replaced, and so are the results of runs that started or learned from them.
 */
export function planBatches(
  plan: readonly PlannedRun[],
  isQueued: (run: PlannedRun) => boolean,
): { readonly batches: readonly Batch[]; readonly leftOut: readonly LeftOut[] } {
  /** By the paths of the runs that they wait for. */
  const groups = new Map<string, { readonly runs: PlannedRun[]; readonly after: readonly PlannedRun[] }>();
  const leftOut: LeftOut[] = [];
  const [finished, failed, replaced] = [new Set<PlannedRun>(), new Set<PlannedRun>(), new Set<PlannedRun>()];
  for (const run of plan) {
    const needed = prerequisites(run);
    const now = standing(run);
    const isOfOtherStart = needed.some((each) => replaced.has(each));
    const lost = needed.find((each) => failed.has(each));
    if (isQueued(run)) {
      leftOut.push({ run, reason: 'in the queue' });
    } else if (lost) {
      failed.add(run);
      leftOut.push({ run, reason: `${lost.path} has failed` });
    } else if (now.type === 'failed') {
      failed.add(run);
      leftOut.push({ run, reason: `has failed: ${now.fault}` });
    } else if (now.type === 'finished' && !isOfOtherStart) {
      finished.add(run);
      leftOut.push({ run, reason: 'finished before' });
    } else {
      if (now.type === 'other' || isOfOtherStart) replaced.add(run);
      const after = needed.filter((each) => !finished.has(each));
      const key = after.map(({ path }) => path).join('\n');
      groups.set(key, { runs: [...(groups.get(key)?.runs ?? []), run], after });
    }
  }
  const batches = [...groups.values()].flatMap(({ runs, after }) =>
    slices(runs).map((part) => ({ runs: part, after })),
  );
  return { batches, leftOut };
}

function slices(runs: readonly PlannedRun[]): PlannedRun[][] {
  const count = Math.ceil(runs.length / LARGEST_BATCH);
  return Array.from({ length: count }, (_, at) => runs.slice(at * LARGEST_BATCH, (at + 1) * LARGEST_BATCH));
}
