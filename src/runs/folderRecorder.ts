/** A run folder as the recorder of a run. */

import { writeDurably } from '../disk/durableFile.js';
import type { EpochReport, Recorder } from '../train/recorder.js';
import { appendEpoch, type EpochRows, readQuantizers, readSizes, truncateRun } from './folderTables.js';
import { keptFault } from './keptFault.js';
import type { Lock } from './lock.js';
import { type RunFolder, writeSummary } from './runFolder.js';

/** A second recorder, for example of live lines. */
export type Watcher = Pick<Recorder, 'begin' | 'step' | 'epoch'> & Partial<Pick<Recorder, 'parameters' | 'finish'>>;

/**
 * Records into a folder whose lock is held. The methods throw what `Lock.check`, `appendEpoch`, `truncateRun`,
 * `writeDurably` and the watchers throw.
 *
 * @param watchers called after the folder's own files are written; checkpoints, which complete an epoch, are written
 *   after them
 */
export function folderRecorder(folder: RunFolder, lock: Pick<Lock, 'check'>, watchers: readonly Watcher[]): Recorder {
  const locked =
    <A extends readonly unknown[]>(write: (...given: A) => void) =>
    (...given: A): void => {
      lock.check();
      write(...given);
    };
  return {
    begin: locked((position) => {
      truncateRun(folder, position.epoch);
      for (const watcher of watchers) watcher.begin(position);
    }),
    step: locked((report) => {
      for (const watcher of watchers) watcher.step(report);
    }),
    epoch: locked((report) => {
      appendEpoch(folder, rowsOf(report));
      for (const watcher of watchers) watcher.epoch(report);
    }),
    parameters: locked((which, file) => {
      writeDurably(which === 'best' ? folder.paramsBest : folder.paramsLast, file);
      for (const watcher of watchers) watcher.parameters?.(which, file);
    }),
    checkpoint: locked((file) => writeDurably(folder.checkpoint, file)),
    keptFault,
    sizes: () => readSizes(folder),
    quantizers: () => readQuantizers(folder),
    finish: locked((summary) => {
      writeSummary(folder, summary);
      for (const watcher of watchers) watcher.finish?.(summary);
    }),
  };
}

function rowsOf({ epoch, training, loss, evaluation, test, quantizers }: EpochReport): EpochRows {
  return {
    results: {
      iter: epoch,
      train_err: training.error,
      val_err: evaluation.error,
      loss,
      loss1: training.loss1,
      loss2: training.loss2,
      loss3: training.loss3,
      ...(test && { test_err: test.error }),
    },
    trainLoss: loss,
    testLoss: evaluation.loss,
    trainAccuracy: 1 - training.error,
    testAccuracy: 1 - evaluation.error,
    quantizers: quantizers.rows,
    sizes: quantizers.sizes,
  };
}
