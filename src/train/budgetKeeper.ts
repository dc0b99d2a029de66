/**
 * Guaranteed budgets: with `budget = guaranteed` epochs end inside the targets.
 *
 * In the first part of the run, the search, bits are learned with the penalty. At the end of each of its epochs, before
 * the evaluation, single bits are taken where they cost the least until all sizes fit. After the last of these epochs
 * the bits are frozen: remaining room is given back as bits, and from then on no step may raise a quantizer above its
 * bits. So sizes hold at every step, while weights and ranges are trained without a penalty.
 *
 * With `budget_begin = allocated` sizes hold from the first step on: bits are taken, given and capped before it. Each
 * epoch of the search then ends with an exchange: every weight is offered one bit more, and what costs the least is taken
 * until all sizes fit again. With `budget_slack` the limits of weights, products and costs are multiples of their targets
 * at first and fall in the search, so that bits and channels go little by little; its last epoch ends inside the targets.
 *
 * This file decides when; `bitFitting.ts` chooses the bits, and is loaded with the first guaranteed budget, so that a
 * page without one does not fetch it. All decisions are made from numbers read back at the end of an epoch, and are saved
 * in the checkpoint.
 */

import type { BatchTable } from '../data/batches.js';
import type { Session } from '../program/session.js';
import { type Experiment, guaranteesBudget } from '../settings/index.js';

/** Tells whether bits are frozen in an epoch, counted from 0. */
function areBitsFrozen(experiment: Experiment, epoch: number): boolean {
  return guaranteesBudget(experiment.budget) && epoch >= experiment.budget.searchEpochs;
}

/** The weights of the penalty, of weights and of activations, in an epoch, counted from 0. */
export function penaltyWeights(experiment: Experiment, epoch: number): readonly [number, number] {
  const { budget } = experiment;
  const keepsInside = guaranteesBudget(budget) && budget.begin === 'allocated';
  return keepsInside || areBitsFrozen(experiment, epoch) ? [0, 0] : [budget.lambda2, budget.lambda3];
}

/**
 * Sets up the budget before the first step, or when the targets have changed after `finished` epochs: caps that leave
 * every quantizer the bits that the budget would allow it alone; or bits that fit together.
 */
export async function beginBudget(experiment: Experiment, session: Session, finished: number): Promise<void> {
  if (!guaranteesBudget(experiment.budget)) return;
  const { capBitsAtStart, fitBits, lastSquares } = await import('./bitFitting.js');
  const allocates = areBitsFrozen(experiment, finished) || experiment.budget.begin === 'allocated';
  if (allocates) await fitBits(withSlack(experiment, finished), session, 'settle', await lastSquares(session));
  else await capBitsAtStart(experiment, session);
}

/** Enforces the budget after `finished` epochs, before the last of them, with these batches, is evaluated. */
export async function keepBudget(
  experiment: Experiment,
  session: Session,
  finished: number,
  batches: BatchTable,
): Promise<void> {
  const { budget } = experiment;
  const isSearched = finished > budget.searchEpochs;
  if (!guaranteesBudget(budget) || (isSearched && budget.slack === 1)) return;
  const { fitBits, isInside, lastSquares } = await import('./bitFitting.js');
  // A search that is resumed as a shorter one may be over before its limits have fallen.
  if (isSearched && (await isInside(experiment, session))) return;
  const underPenalty = areBitsFrozen(experiment, finished) ? 'settle' : 'take';
  const fit = budget.begin === 'allocated' ? 'exchange' : underPenalty;
  const measures = budget.measure > 0;
  const curvature = await (measures ? session.measureGradients(batches) : lastSquares(session));
  await fitBits(withSlack(experiment, finished), session, fit, curvature);
}

/**
 * The experiment with the limits of weights, products and costs that hold after `finished` epochs. What is left of
 * the slack is the cube of what is left of the search, the schedule of gradual pruning (Zhu and Gupta, 2017).
 */
function withSlack(experiment: Experiment, finished: number): Experiment {
  const { budget } = experiment;
  const left = areBitsFrozen(experiment, finished) ? 0 : 1 - finished / budget.searchEpochs;
  const multiple = 1 + (budget.slack - 1) * left ** 3;
  const widened = {
    targetWeightKbytes: budget.targetWeightKbytes * multiple,
    targetGbops: budget.targetGbops * multiple,
    targetCost: budget.targetCost * multiple,
  };
  return { ...experiment, budget: { ...budget, ...widened } };
}
