/**
 * A run as an event file for TensorBoard, in the run folder. Every start of the run has its own; a resumed run says
 * from which step, so that TensorBoard discards what an interrupted epoch had written.
 */

import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFault } from '../disk/fileFault.js';
import type { QuantizerRow } from '../program/quantizerReport.js';
import type { Experiment } from '../settings/index.js';
import { type MetricName, metrics, type Task, trainingMetric } from '../task.js';
import type { EpochReport, Recorder, StepReport } from '../train/recorder.js';
import { decodeSafetensors } from '../weights/safetensors.js';
import { bitPicture } from './bitPicture.js';
import {
  endSummary,
  histogram,
  image,
  restartEvent,
  type Summary,
  scalar,
  settingsSummary,
  summaryEvent,
  versionEvent,
} from './events.js';
import { record } from './record.js';

/**
 * Records to a new file in a run folder. The methods throw file system errors in words.
 *
 * @param quantizersSoFar the rows of quantizers.csv, for the picture of a resumed run
 */
export function eventFile(
  folder: string,
  { settings, budget, task }: Experiment,
  quantizersSoFar: () => readonly QuantizerRow[],
): Pick<Recorder, 'begin' | 'step' | 'epoch' | 'parameters' | 'finish'> {
  let path = '';
  let step = 0;
  /** Bits of every tensor, epoch by epoch. */
  const bits: number[][] = [];
  const put = (write: typeof appendFileSync | typeof writeFileSync, events: readonly Uint8Array[]): void => {
    try {
      write(path, Buffer.concat(events.map(record)));
    } catch (error) {
      throw writeFault(error, path);
    }
  };
  const add = (summaries: readonly Summary[]): void => {
    put(appendFileSync, [summaryEvent({ step, seconds: now() }, summaries)]);
  };
  return {
    begin: (position) => {
      step = position.step;
      for (const row of quantizersSoFar()) {
        bits[row.epoch - 1] ??= [];
        bits[row.epoch - 1]!.push(row.bits);
      }
      const seconds = now();
      path = join(folder, `events.out.tfevents.${Math.floor(seconds)}.mpdnn.${step}`);
      put(writeFileSync, [
        versionEvent(seconds),
        ...(step > 0 ? [restartEvent({ step: step + 1, seconds })] : []),
        summaryEvent({ step, seconds }, [settingsSummary(settings, seconds)]),
      ]);
    },
    step: (report) => {
      step = report.step;
      add(stepSummaries(report, task, budget.targetActivationType));
    },
    epoch: (report) => {
      bits.push(report.quantizers.rows.map((row) => row.bits));
      add([...epochSummaries(report, task), ...(bits[0]!.length > 0 ? [bitImage(bits)] : [])]);
    },
    parameters: (which, file) => {
      if (which === 'last') add(histograms(file));
    },
    finish: () => add([endSummary(now())]),
  };
}

function stepSummaries(
  { recent, rate, imagesPerSecond, quantizers }: StepReport,
  task: Task,
  type: Experiment['budget']['targetActivationType'],
): Summary[] {
  const { weights_kb, [`activations_${type}_kb` as const]: activations } = quantizers.sizes;
  return [
    scalar('loss/training', recent.loss1),
    metricScalar(trainingMetric(task), 'training', recent.error),
    scalar('learning rate', rate),
    scalar('images a second', imagesPerSecond),
    scalar('kB/weights', weights_kb),
    ...(activations === null ? [] : [scalar('kB/activations', activations)]),
  ];
}

function epochSummaries({ evaluation, test, quantizers }: EpochReport, { metric }: Task): Summary[] {
  return [
    scalar('loss/evaluation', evaluation.loss),
    metricScalar(metric, 'evaluation', evaluation.error),
    ...(test ? [metricScalar(metric, 'test', test.error)] : []),
    ...quantizers.rows.map(({ tensor, bits }) => scalar(`bits/${tensor}`, bits)),
  ];
}

function metricScalar(name: MetricName, of: string, error: number): Summary {
  const { title, of: metricOf } = metrics[name];
  return scalar(`${title}/${of}`, metricOf(error));
}

function bitImage(epochs: readonly (readonly number[])[]): Summary {
  const { width, height, png } = bitPicture(epochs);
  return image('bits', width, height, png);
}

/** Histograms of the weights and biases in a file of parameters. */
function histograms(file: Uint8Array): Summary[] {
  const { tensors } = decodeSafetensors(file, 'params_last.safetensors');
  return [...tensors.values()].flatMap(({ name, data }) => {
    const isVector = (data instanceof Float32Array || data instanceof Float64Array) && data.length > 1;
    return isVector ? [histogram(name, data)] : [];
  });
}

function now(): number {
  return Date.now() / 1000;
}
