/**
 * Guaranteed budgets: with `budget = guaranteed` every epoch ends inside its targets.
 *
 * In the first part of the run, the search, bits are learned with the penalty. At the end of each of its epochs, before
 * the evaluation, single bits are taken where they cost the least until all sizes fit. After the last of these epochs
 * the bits are frozen: remaining room is given back as bits, and from then on no step may raise a quantizer above its
 * bits. So sizes hold at every step, while weights and ranges are trained without a penalty.
 *
 * The cost of a bit of a weight is the squared error that it adds, each element weighted by the mean square of its
 * tensor's gradients in the last step: the change of the loss to second order, with squared gradients as the usual
 * estimate of the curvature. Activations are not at hand; one bit less quadruples their squared error relative to the
 * range. If weights and activations share a limit, such as that of bit operations, each error counts as a fraction of
 * the error of all weights, or of all activations, with their present bits.
 *
 * All decisions are made here, from numbers read back at the end of an epoch, and are saved in the checkpoint.
 */

import type { StorageArray } from '../engine/engine.js';
import { STORAGE, type Variables } from '../nn/index.js';
import { fewestChannels } from '../program/prunedChannels.js';
import type { Session } from '../program/session.js';
import {
  type BitError,
  excess,
  giveBits,
  individualLimits,
  largestBits,
  smallestBits,
  squaredError,
  tableBits,
  takeBits,
} from '../quant/index.js';
import { type Experiment, guaranteesBudget } from '../settings/index.js';
import { budgetLimits } from './budgetLimits.js';
import { pruneToFit, type SharedError } from './channelPruning.js';
import { elementsOf, type Refits, refits, scalesOf } from './refits.js';

/** Tells whether bits are frozen in an epoch, counted from 0. */
export function areBitsFrozen(experiment: Experiment, epoch: number): boolean {
  return guaranteesBudget(experiment.budget) && epoch >= searchEpochs(experiment);
}

/**
 * Sets up the budget before the first step, or when the targets have changed after `finished` epochs: caps that leave
 * every quantizer the bits that the budget would allow it alone; or frozen bits.
 */
export async function beginBudget(experiment: Experiment, session: Session, finished: number): Promise<void> {
  if (!guaranteesBudget(experiment.budget)) return;
  if (areBitsFrozen(experiment, finished)) await fitBits(experiment, session, true);
  else await capBitsAtStart(searchCaps(experiment, session), session);
}

/** Enforces the budget after `finished` epochs, before the last of them is evaluated. */
export async function keepBudget(experiment: Experiment, session: Session, finished: number): Promise<void> {
  if (!guaranteesBudget(experiment.budget) || finished > searchEpochs(experiment)) return;
  await fitBits(experiment, session, areBitsFrozen(experiment, finished));
}

/**
 * A squared error above this multiple of the smallest one was not chosen by the loss: the penalty led the step astray.
 */
const farFromBest = 2;

function searchEpochs({ budget, training }: Experiment): number {
  return Math.round(budget.search * training.epochs);
}

/**
 * Caps the bits. A step keeps caps only if they hold before it, so rows with more bits are requantized with fewer,
 * keeping their range or fitted to their weights.
 */
async function capBitsAtStart(caps: readonly number[], { program, training: { variables } }: Session): Promise<void> {
  const table = Float64Array.from(await program.read(STORAGE.quantizers));
  const refit = refits(variables, table, await program.read(STORAGE.parameters));
  for (const [row, bits] of tableBits(variables.quantizers, table).entries()) {
    if (bits > caps[row]!) table.set(refit(row, caps[row]!).values, 2 * row);
  }
  program.write(STORAGE.quantizers, table);
  program.write(STORAGE.bitCaps, caps);
}

/**
 * Takes bits, and channels if that is allowed, until the sizes fit. If bits freeze, gives bits that fit and caps all of
 * them.
 */
async function fitBits(experiment: Experiment, session: Session, freezes: boolean): Promise<void> {
  const { program, training } = session;
  const { variables } = training;
  const { quantizers } = variables;
  const { budget } = experiment;
  const table = Float64Array.from(await program.read(STORAGE.quantizers));
  const velocity = Float64Array.from(await program.read(STORAGE.quantizerVelocity));
  const gradients = await program.read(STORAGE.gradients);
  const bits = tableBits(quantizers, table);
  const left = budget.prunes ? await prunedBits(experiment, session, table, gradients) : bits;
  const parameters = await program.read(STORAGE.parameters);
  const refit = refits(variables, table, parameters);
  const error = bitError(variables, refit, gradients);
  const limits = budgetLimits(experiment, variables.counted);
  const isFarFromBest = (row: number, count: number) => {
    const quantizer = quantizers[row]!;
    if (quantizer.role === 'activation') return false;
    const weights = elementsOf(variables, row, parameters);
    const scales = scalesOf(variables, row, parameters);
    const present = squaredError(quantizer, table[2 * row]!, table[2 * row + 1]!, weights, { scales });
    return present > farFromBest * refit(row, count).error;
  };
  const smallest = quantizers.map(smallestBits);
  const inMemory = limits.filter(({ unit }) => unit === 'kB');
  const ofProducts = limits.filter((limit) => !inMemory.includes(limit));
  // Weights and activations share the limits of products.
  const common = ofProducts.length > 0 ? relativeError(error, bits, variables).error : error;
  const fitting = takeBits(takeBits(left, inMemory, smallest, error), ofProducts, smallest, common);
  const chosen = freezes ? giveBits(fitting, limits, quantizers.map(largestBits), common) : fitting;
  for (const [row, count] of chosen.entries()) {
    if (count === bits[row] && !(freezes && isFarFromBest(row, count))) continue;
    table.set(refit(row, count).values, 2 * row);
    velocity.fill(0, 2 * row, 2 * row + 2);
  }
  program.write(STORAGE.quantizers, table);
  program.write(STORAGE.quantizerVelocity, velocity);
  if (freezes) program.write(STORAGE.bitCaps, chosen);
}

/** The remaining bits after channels have been pruned together with bits, limit by limit. */
async function prunedBits(
  experiment: Experiment,
  session: Session,
  table: Float64Array,
  gradients: StorageArray,
): Promise<readonly number[]> {
  const { program, training } = session;
  const { variables } = training;
  let bits: readonly number[] = tableBits(variables.quantizers, table);
  for (const key of ['target_weight_kbytes', 'target_gbops', 'target_cost'] as const) {
    const limit = budgetLimits(experiment, variables.counted).find((each) => each.key === key);
    if (!limit || excess(limit, bits) === 0) continue;
    const parameters = await program.read(STORAGE.parameters);
    const error = bitError(variables, refits(variables, table, parameters), gradients);
    const shared = key === 'target_weight_kbytes' ? { error, unit: 1 } : relativeError(error, bits, variables);
    bits = await pruneToFit(session, experiment, limit, bits, { ...shared, parameters, gradients });
  }
  return bits;
}

function searchCaps(experiment: Experiment, { training }: Session): number[] {
  const limits = budgetLimits(experiment, fewestChannels(training, experiment.budget.pruneStep));
  const { quantizers } = training.variables;
  return individualLimits(limits, quantizers.map(smallestBits), quantizers.map(largestBits));
}

function bitError(variables: Variables, refit: Refits, gradients: StorageArray): BitError {
  const curvatures = variables.quantizers.map(({ role }, row) =>
    role === 'activation' ? 0 : meanSquare(elementsOf(variables, row, gradients)),
  );
  // Before the first step there are no gradients: every tensor's error counts the same then.
  const isKnown = curvatures.some((curvature) => curvature > 0);
  return (row, bits) => {
    if (variables.quantizers[row]!.role === 'activation') return 4 ** -bits;
    return (isKnown ? curvatures[row]! : 1) * refit(row, bits).error;
  };
}

/** The error of each row as a fraction of the error of all weights, or of all activations, with their present bits. */
function relativeError(error: BitError, bits: readonly number[], { quantizers }: Variables): SharedError {
  const isActivation = (row: number) => quantizers[row]!.role === 'activation';
  const whole = (of: boolean) => {
    const rows = [...bits.keys()].filter((row) => isActivation(row) === of);
    return rows.reduce((sum, row) => sum + error(row, bits[row]!), 0) || 1;
  };
  const [weights, activations] = [whole(false), whole(true)];
  return {
    error: (row, count) => error(row, count) / (isActivation(row) ? activations : weights),
    unit: weights,
  };
}

function meanSquare(values: StorageArray): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2;
  return sum / values.length;
}
