/**
 * Values that the host sets before every step: the learning rate (with Adam's bias corrections), the weight of moving
 * averages, and λ of the damping of oscillations.
 */

import type { Solver } from '../ops/attributes.js';
import type { Experiment } from '../settings/index.js';

/** The settings that determine the learning rate. */
export type RateSettings = Pick<
  Experiment['training'],
  'epochs' | 'initialLearningRate' | 'schedule' | 'learningRateDrops' | 'warmupEpochs'
>;

/**
 * The learning rate of a step, counted from 0 over the whole run: that of the schedule, times (t + 1)/W in the W steps
 * of the warm-up. `step` divides it by 10 after each of the configured epochs; `cosine` (Loshchilov and Hutter 2017) is
 * (1 + cos π·u)/2, where u goes from 0 to 1 over the steps after the warm-up.
 */
export function learningRate(settings: RateSettings, step: number, stepsPerEpoch: number): number {
  const warmup = Math.round(settings.warmupEpochs * stepsPerEpoch);
  const rate = settings.initialLearningRate * Math.min(1, (step + 1) / Math.max(1, warmup));
  switch (settings.schedule) {
    case 'step': {
      const epoch = Math.floor(step / stepsPerEpoch);
      return rate / 10 ** settings.learningRateDrops.filter((drop) => epoch >= drop).length;
    }
    case 'cosine': {
      const done = Math.max(0, step - warmup) / (settings.epochs * stepsPerEpoch - warmup);
      return (rate * (1 + Math.cos(Math.PI * done))) / 2;
    }
    default:
      return settings.schedule satisfies never;
  }
}

/**
 * λ of the damping of oscillations in a step (counted from 0 over the whole run): it rises from 0 along half a cosine, since
 * weights must be free to change their levels at first (Nagel et al., arXiv 2203.11086).
 */
export function dampingWeight(
  { dampOscillations, epochs }: Pick<Experiment['training'], 'dampOscillations' | 'epochs'>,
  step: number,
  stepsPerEpoch: number,
): number {
  return (dampOscillations * (1 - Math.cos((Math.PI * step) / (epochs * stepsPerEpoch)))) / 2;
}

/**
 * The factor of the update at step t = 1, 2, …: the learning rate, or for Adam α·√(1 − β₂ᵗ)/(1 − β₁ᵗ) (Kingma and Ba
 * 2015, end of section 2), with ε added to the uncorrected √v.
 */
export function stepSize(solver: Solver, rate: number, step: number): number {
  if (solver.type === 'momentum') return rate;
  return (rate * Math.sqrt(1 - solver.beta2 ** step)) / (1 - solver.beta1 ** step);
}

/**
 * The weight of the values after step t = 1, 2, … in their moving averages: 1 − decay, or at first 9/(10 + t), which is
 * larger, so that the random initial values are soon forgotten (the rule of TensorFlow's ExponentialMovingAverage with
 * `num_updates`).
 */
export function averageWeight(decay: number, step: number): number {
  return Math.max(1 - decay, 9 / (10 + step));
}
