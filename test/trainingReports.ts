/** Reports of a training that never was, for recorders. */

import type { EpochReport, StepReport } from '../src/train/recorder.js';

const sizes = {
  weights_kb: 0.5,
  activations_max_kb: 1,
  activations_sum_kb: 2,
  activations_peak_kb: 3,
  gbops: 0.5,
  cost: null,
};
const metrics = { error: 0.25, loss1: 1 / 3, loss2: 0, loss3: 0 };

export function stepReport(step: number, seconds: number, bits: readonly number[]): StepReport {
  const quantizers = { bits, ranges: [1 / 3, 1], gradients: [2 / 3, 0], limited: [0.5, 0], sizes };
  const place = { step, seconds, epoch: 1, batch: step, batches: 4 };
  return { ...place, metrics, recent: metrics, rate: 0.1, quantizers, imagesPerSecond: 100, waiting: 0 };
}

export function epochReport(epoch: number, bits: readonly number[] = [4]): EpochReport {
  const quantizers = {
    rows: bits.map((each, index) => ({ epoch, tensor: `layer${index}/W`, bits: each })),
    sizes,
  } as unknown as EpochReport['quantizers'];
  const evaluation = { error: 0.5, loss: 2 };
  const judged = { obeysBudget: true, isBest: false };
  return {
    epoch,
    training: metrics,
    loss: 1,
    evaluation,
    test: null,
    quantizers,
    ...judged,
    imagesPerSecond: 1,
    waiting: 0,
    oscillating: null,
  };
}
