/**
 * Makes the lines of `live.jsonl` from a run's reports. Long lists are written rarely. Opens no file: a page that
 * trains draws the same lines.
 */

import { tensorOf } from '../program/quantizerReport.js';
import { coreOf, parameterNames, type Quantizer } from '../quant/index.js';
import type { Experiment } from '../settings/index.js';
import { metrics, type Task } from '../task.js';
import type { EpochReport, StepReport } from '../train/recorder.js';
import { LIVE_VERSION, type LiveEpoch, type LiveRun, type LiveStep } from './liveFormat.js';

/** The first line of a run on a device. `resume`: the call that resumes it. */
export function liveRun(
  { training, budget, task }: Experiment,
  quantizers: readonly Quantizer[],
  { device, resume }: { readonly device?: string; readonly resume?: string | undefined } = {},
): LiveRun {
  const target = (value: number) => (value > 0 ? value : null);
  return {
    type: 'run',
    version: LIVE_VERSION,
    epochs: training.epochs,
    ...(device !== undefined && { device }),
    ...(resume !== undefined && { resume }),
    ...(task.loss !== 'classes' && { task }),
    ...(training.select === 'last' && { select: 'last' }),
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

/** Makes the lines of the reports of a run, which must come in order. */
export function liveLines(task: Task): { step(report: StepReport): LiveStep; epoch(report: EpochReport): LiveEpoch } {
  let bits = '';
  let rangesAt = Number.NEGATIVE_INFINITY;
  return {
    step: (report) => {
      const isChanged = report.quantizers.bits.join() !== bits;
      bits = report.quantizers.bits.join();
      // At most once in a thousandth of the run's time: the size of the file grows with the logarithm of the time.
      const hasRanges = report.seconds - rangesAt >= Math.max(1, report.seconds / 1000);
      if (hasRanges) rangesAt = report.seconds;
      return stepLine(report, isChanged, hasRanges);
    },
    epoch: (report) => epochLine(report, task),
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

function epochLine(report: EpochReport, task: Task): LiveEpoch {
  const { epoch, training, loss, evaluation, test, quantizers, obeysBudget, isBest, oscillating } = report;
  const { key, of } = metrics[task.metric];
  return {
    type: 'epoch',
    epoch,
    train_err: training.error,
    val_err: evaluation.error,
    ...(test && { test_err: test.error }),
    ...((key === 'auc' || key === 'iou') && { [`val_${key}`]: of(evaluation.error) }),
    loss,
    val_loss: evaluation.loss,
    ...quantizers.sizes,
    inside_budget: obeysBudget,
    best: isBest,
    ...(oscillating !== null && { oscillating }),
    bits: quantizers.rows.map((row) => row.bits),
  };
}

/** Rounds to enough digits for a picture. */
function rounded(value: number, digits = 5): number {
  return Number(value.toPrecision(digits));
}
