/**
 * Runs that train together in this process, on one engine: where their plans differ in numbers only, as those of several
 * seeds do, each dispatch computes for all of them. They are prepared one after the other, and share images that are the same.
 */

import type { Engine } from '../../engine/engine.js';
import { sharedEngine } from '../../engine/sharedEngine.js';
import { openWorkbench, type Workbench } from '../workbench.js';

/**
 * Trains the runs. Resolves when all have ended.
 *
 * @param bench whose engine they share; disposed of if it may be broken
 * @param runs each trains on the workbench that it gets, and resolves when it has ended, however that was
 * @param signal keeps runs that have not begun from it, and ends those that wait for memory with its reason as an error
 */
export async function trainTogether(
  bench: Workbench,
  engine: Engine,
  runs: readonly ((own: Workbench) => Promise<void>)[],
  { signal, line }: { readonly signal: AbortSignal; line(text: string): void },
): Promise<void> {
  let isBroken = false;
  const ends: Promise<void>[] = [];
  const own = openWorkbench({ keepsImages: true });
  const onFewer = (atOnce: number, all: number): void =>
    line(`NOTE: the GPU's memory holds ${atOnce} of ${all} networks at a time; the others train after them`);
  for (const [index, share] of sharedEngine(engine, runs.length, { signal, onFewer }).entries()) {
    if (signal.aborted) {
      share.leave();
      continue;
    }
    await new Promise<void>((isPrepared) => {
      const shared: Workbench = {
        ...own,
        engine: async () => {
          isPrepared();
          return share.engine;
        },
        dispose: async () => {
          isBroken = true;
        },
      };
      const ended = runs[index]!(shared).finally(() => {
        share.leave();
        isPrepared();
      });
      ends.push(ended);
    });
  }
  await Promise.all(ends);
  await own.dispose();
  if (isBroken) await bench.disposeEngine();
}
