/** A run folder as the recorder of a run. */

import { basename } from 'node:path';
import { writeDurably } from '../disk/durableFile.js';
import type { EpochReport, Recorder } from '../train/recorder.js';
import { TrainingFault } from '../train/trainingSteps.js';
import { decodeSafetensors, type NamedTensor } from '../weights/safetensors.js';
import { appendEpoch, type EpochRows, readQuantizers, readSizes, truncateRun } from './folderTables.js';
import type { Lock } from './lock.js';
import { type RunFolder, writeSummary } from './runFolder.js';

/** A second recorder, for example of live lines. */
export type Watcher = Pick<Recorder, 'begin' | 'step' | 'epoch'> & Partial<Pick<Recorder, 'parameters' | 'finish'>>;

/**
 * Records into a folder whose lock is held. The methods throw what `Lock.check`, `appendEpoch`, `truncateRun`,
 * `writeDurably` and the watchers throw, and `parameters` a `TrainingFault` for what is not finite.
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
  let ended = 0;
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
      ended = report.epoch;
      for (const watcher of watchers) watcher.epoch(report);
    }),
    parameters: locked((which, file) => {
      refuseNoNumber(folder, ended, file);
      writeDurably(which === 'best' ? folder.paramsBest : folder.paramsLast, file);
      for (const watcher of watchers) watcher.parameters?.(which, file);
    }),
    checkpoint: locked((file) => writeDurably(folder.checkpoint, file)),
    sizes: () => readSizes(folder),
    quantizers: () => readQuantizers(folder),
    finish: locked((summary) => {
      writeSummary(folder, summary);
      for (const watcher of watchers) watcher.finish?.(summary);
    }),
  };
}

/**
 * Ends the run where a file of parameters holds what no program reads. The loss need not show it: exponents of channels,
 * for example, are limited where they are used.
 *
 * @throws TrainingFault
 */
function refuseNoNumber({ root }: RunFolder, epoch: number, file: Uint8Array): void {
  for (const { name, data } of decodeSafetensors(file, root).tensors.values()) {
    if (holdsNumbers(data)) continue;
    throw new TrainingFault(
      `${basename(root)}: not a finite number in the parameters after epoch ${epoch}, first in ${name}; ` +
        `the last checkpoint is kept; lower initial_learning_rate and start anew`,
    );
  }
}

/** Tells whether all values are finite; `every` takes four times as long for the eleven million of ResNet-18. */
function holdsNumbers(data: NamedTensor['data']): boolean {
  for (let index = 0; index < data.length; index++) {
    if (!Number.isFinite(Number(data[index]))) return false;
  }
  return true;
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
