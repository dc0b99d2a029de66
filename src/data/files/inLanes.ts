import type { OnProgress } from '../progress.js';

interface Lanes {
  /** Number of files that are worked on at a time. */
  readonly lanes: number;
  /** Number of files between progress reports. */
  readonly reportEvery: number;
  /** Name of the work in reports. */
  readonly task: string;
  readonly onProgress: OnProgress | undefined;
}

/** Calls `work` with each index below `count`, in order, in lanes. Rejects with the first fault, after which none begins. */
export async function inLanes(
  count: number,
  { lanes, reportEvery, task, onProgress }: Lanes,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let [next, done] = [0, 0];
  const lane = async () => {
    while (next < count) {
      await work(next++);
      done++;
      if (done % reportEvery === 0 || done === count) onProgress?.({ task, done, total: count });
    }
  };
  try {
    await Promise.all(Array.from({ length: lanes }, lane));
  } finally {
    next = count;
  }
}
