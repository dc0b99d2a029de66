/** What the host sets before every step: the learning rate, with Adam's bias corrections folded in. */

import type { Experiment } from '../experiment/index.js';
import type { Solver } from '../ops/attributes.js';

/** The learning rate of an epoch (counted from 0): divided by 10 after each of the configured epochs. */
export function learningRate(training: Experiment['training'], epoch: number): number {
  const drops = training.learningRateDrops.filter((drop) => epoch >= drop).length;
  return training.initialLearningRate / 10 ** drops;
}

/**
 * The factor of the update at step t = 1, 2, …: the learning rate itself, or for Adam α·√(1 − β₂ᵗ)/(1 − β₁ᵗ)
 * (Kingma and Ba 2015, end of section 2), where ε is added to the uncorrected √v.
 */
export function stepSize(solver: Solver, rate: number, step: number): number {
  if (solver.type === 'momentum') return rate;
  return (rate * Math.sqrt(1 - solver.beta2 ** step)) / (1 - solver.beta1 ** step);
}
