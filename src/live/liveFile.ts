/**
 * Writing `live.jsonl`: a few lines a second while a run trains, so nothing is forced to the disk, and what is long is
 * written seldom.
 */

import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { writeDurably } from '../disk/durableFile.js';
import { readFault, writeFault } from '../disk/fileFault.js';
import { tensorOf } from '../program/quantizerReport.js';
import { coreOf, parameterNames, type Quantizer } from '../quant/index.js';
import type { Experiment } from '../settings/index.js';
import type { EpochReport, Recorder, RunPosition, StepReport } from '../train/recorder.js';
import {
  LIVE_VERSION,
  type LiveEpoch,
  type LiveLine,
  type LiveRun,
  type LiveStep,
  readLiveLine,
} from './liveFormat.js';

/** The first line of a run; `resume` is the call that goes on with it. */
export function liveRun(
  { training, budget }: Experiment,
  quantizers: readonly Quantizer[],
  resume?: string | undefined,
): LiveRun {
  const target = (value: number) => (value > 0 ? value : null);
  return {
    type: 'run',
    version: LIVE_VERSION,
    epochs: training.epochs,
    ...(resume !== undefined && { resume }),
    budget: {
      weights_kb: target(budget.targetWeightKbytes),
      activations_kb: target(budget.targetActivationKbytes),
      activations: budget.targetActivationType,
      gbops: target(budget.targetGbops),
    },
    tensors: quantizers.map(({ name, role, kind, signed, count }) => ({
      name: tensorOf(name),
      role,
      kind,
      core: coreOf(kind),
      signed,
      count,
      learned: parameterNames(kind),
    })),
  };
}

/**
 * Records into the file at `path`, which need not exist. `begin` cuts it back to a position and throws what
 * `writeDurably` and `readLiveLine` throw; the other methods throw faults of the file system in words.
 */
export function liveFile(path: string, run: LiveRun): Pick<Recorder, 'begin' | 'step' | 'epoch'> {
  let bits = '';
  let rangesAt = Number.NEGATIVE_INFINITY;
  return {
    begin: (position) => {
      const kept = existsSync(path) ? readText(path).split('\n').filter(isBefore(position, path)) : [];
      writeDurably(path, [JSON.stringify(run), ...kept, ''].join('\n'));
    },
    step: (report) => {
      const isChanged = report.quantizers.bits.join() !== bits;
      bits = report.quantizers.bits.join();
      // At most one in a thousandth of the run's time: the file grows with its logarithm.
      const hasRanges = report.seconds - rangesAt >= Math.max(1, report.seconds / 1000);
      if (hasRanges) rangesAt = report.seconds;
      append(path, stepLine(report, isChanged, hasRanges));
    },
    epoch: (report) => append(path, epochLine(report)),
  };
}

/** Tells whether a line stays when a run goes on from a position; damaged ones and the first do not. */
function isBefore({ epoch, step }: RunPosition, path: string): (text: string) => boolean {
  return (text) => {
    const line = readLiveLine(text, path);
    return line?.type === 'epoch' ? line.epoch <= epoch : line?.type === 'step' && line.step <= step;
  };
}

function stepLine(report: StepReport, hasBits: boolean, hasRanges: boolean): LiveStep {
  const { step, epoch, batch, batches, seconds, recent, rate, imagesPerSecond, waiting } = report;
  const { bits, ranges, gradients, limited, sizes } = report.quantizers;
  return {
    type: 'step',
    ...{ step, epoch, batch, batches },
    seconds: Number(seconds.toFixed(3)),
    error: rounded(recent.error),
    loss1: rounded(recent.loss1),
    loss2: rounded(recent.loss2),
    loss3: rounded(recent.loss3),
    rate: rounded(rate),
    images_per_second: rounded(imagesPerSecond),
    waiting: rounded(waiting, 2),
    ...sizes,
    ...(hasBits && { bits }),
    ...(hasRanges && {
      ranges: Array.from(ranges, (value) => rounded(value)),
      gradients: Array.from(gradients, (value) => rounded(value, 3)),
      limited: Array.from(limited, (value) => rounded(value, 3)),
    }),
  };
}

function epochLine({
  epoch,
  training,
  loss,
  evaluation,
  test,
  quantizers,
  obeysBudget,
  isBest,
}: EpochReport): LiveEpoch {
  return {
    type: 'epoch',
    epoch,
    train_err: training.error,
    val_err: evaluation.error,
    ...(test && { test_err: test.error }),
    loss,
    val_loss: evaluation.loss,
    ...quantizers.sizes,
    inside_budget: obeysBudget,
    best: isBest,
    bits: quantizers.rows.map((row) => row.bits),
  };
}

/** Enough digits for a picture. */
function rounded(value: number, digits = 5): number {
  return Number(value.toPrecision(digits));
}

function append(path: string, line: LiveLine): void {
  try {
    appendFileSync(path, `${JSON.stringify(line)}\n`);
  } catch (error) {
    throw writeFault(error, path);
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw readFault(error, path);
  }
}
