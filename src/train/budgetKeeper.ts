/**
 * Budgets that hold: with `budget = guaranteed` every epoch ends inside its targets.
 *
 * In the first part of the run, the search, bits are learned under the penalty; at the end of each of its epochs,
 * before it is evaluated, single bits are taken where they cost the least until all sizes fit. With the last of these
 * epochs the bits freeze: what room is left is given back, and from then on no step may raise a quantizer above its
 * bits, so that sizes hold at every step, while weights and ranges go on learning without a penalty.
 *
 * A bit of a weight costs the squared error that it adds, each element weighted by the mean square of its tensor's
 * gradients in the last step: what the loss feels to second order, a squared gradient being the usual estimate of the
 * curvature. Of activations no values are at hand; a bit less quadruples their squared error relative to the range.
 * Where both share a limit, as that of bit operations, each error counts as a part of what all weights, or all
 * activations, lose by their present bits.
 *
 * Everything is decided here, from numbers read back at the end of an epoch, and lasts in the checkpoint.
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
 * Before the first step, or when the targets have changed after so many epochs: caps that leave every quantizer what the
 * budget could give to it alone; or frozen bits.
 */
export async function beginBudget(experiment: Experiment, session: Session, finished: number): Promise<void> {
  if (!guaranteesBudget(experiment.budget)) return;
  if (areBitsFrozen(experiment, finished)) await fitBits(experiment, session, true);
  else await capBitsAtStart(searchCaps(experiment, session), session);
}

/** When `finished` epochs are over, before the last of them is evaluated. */
export async function keepBudget(experiment: Experiment, session: Session, finished: number): Promise<void> {
  if (!guaranteesBudget(experiment.budget) || finished > searchEpochs(experiment)) return;
  await fitBits(experiment, session, areBitsFrozen(experiment, finished));
}

/** Squared errors beyond this multiple of the smallest are no choice of the loss: the penalty drove the step astray. */
const farFromBest = 2;

function searchEpochs({ budget, training }: Experiment): number {
  return Math.round(budget.search * training.epochs);
}

/**
 * A step keeps caps only where they hold before it: rows of more bits keep their range, or their weights, with fewer.
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
 * Takes bits, and channels where that is allowed, until the sizes fit; if bits shall freeze, gives back what has room and
 * caps all bits where they are.
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

/** The bits that are left when channels have gone with others, limit by limit. */
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
  // Before the first step there are no gradients: every tensor's error counts alike then.
  const isKnown = curvatures.some((curvature) => curvature > 0);
  return (row, bits) => {
    if (variables.quantizers[row]!.role === 'activation') return 4 ** -bits;
    return (isKnown ? curvatures[row]! : 1) * refit(row, bits).error;
  };
}

/** The error of each row as a part of what all weights, or all activations, lose by their present bits. */
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
