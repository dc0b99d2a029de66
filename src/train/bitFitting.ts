/**
 * Bits that fit a guaranteed budget (see `budgetKeeper.ts`): taken where they cost the least, and given where there is
 * room.
 *
 * The cost of a bit of a weight is the squared error that it adds, each element weighted by the mean square of its
 * tensor's gradients, in the last step or as measured (`budget_measure`): the change of the loss to second order, with
 * squared gradients as the usual estimate of the curvature. Before the first step every weight counts the same. Activations
 * are not at hand; one bit less quadruples their squared error relative to the range. If weights and activations share a
 * limit, such as that of bit operations, each error counts as a fraction of the error of all weights, or of all
 * activations, with their present bits.
 */

import type { StorageArray } from '../engine/engine.js';
import { STORAGE, type Variables } from '../nn/index.js';
import { squaresOf } from '../program/measurements.js';
import { fewestChannels } from '../program/prunedChannels.js';
import type { Session } from '../program/session.js';
import type { TrainingProgram } from '../program/trainingProgram.js';
import type { FloatVector } from '../program/treeSum.js';
import {
  type BitError,
  excess,
  giveBits,
  individualLimits,
  keepsLimits,
  largestBits,
  type Quantizer,
  smallestBits,
  squaredError,
  tableBits,
  takeBits,
} from '../quant/index.js';
import type { Experiment } from '../settings/index.js';
import { budgetLimits, limitsOfChannels } from './budgetLimits.js';
import { pruneToFit, type SharedError } from './channelPruning.js';
import { elementsOf, scalesOf } from './parameterElements.js';
import { onceEach, type Refits, refits } from './refits.js';

/**
 * A squared error above this multiple of the smallest one was not chosen by the loss: the penalty led the step astray.
 */
const farFromBest = 2;

/**
 * Caps every quantizer at the bits that the budget would allow it alone. A step keeps caps only if they hold before it,
 * so rows with more bits are requantized with fewer, keeping their range or fitted to their weights.
 */
export async function capBitsAtStart(experiment: Experiment, session: Session): Promise<void> {
  const { program, training } = session;
  const { variables } = training;
  const caps = searchCaps(experiment, training);
  const table = Float64Array.from(await program.read(STORAGE.quantizers));
  const refit = refits(variables, table, await program.read(STORAGE.parameters));
  for (const [row, bits] of tableBits(variables.quantizers, table).entries()) {
    if (bits > caps[row]!) table.set(refit(row, caps[row]!).values, 2 * row);
  }
  program.write(STORAGE.quantizers, table);
  program.write(STORAGE.bitCaps, caps);
}

function searchCaps(experiment: Experiment, training: TrainingProgram): number[] {
  const limits = budgetLimits(experiment, fewestChannels(training, experiment.budget.pruneStep));
  const { quantizers } = training.variables;
  return individualLimits(limits, quantizers.map(smallestBits), quantizers.map(largestBits));
}

/** Tells whether the present bits keep all limits. */
export async function isInside(
  experiment: Experiment,
  { program, training: { variables } }: Session,
): Promise<boolean> {
  const bits = tableBits(variables.quantizers, await program.read(STORAGE.quantizers));
  return keepsLimits(budgetLimits(experiment, variables.counted), bits);
}

/** The squares of the parameters' gradients in the last step; all 0 if there was none. */
export async function lastSquares({ program }: Session): Promise<Float64Array> {
  return squaresOf((await program.read(STORAGE.gradients)) as FloatVector);
}

/** Treatment of the bits: `settle` caps them, `exchange` caps them after each weight was offered one more. */
type Fit = 'take' | 'settle' | 'exchange';

/**
 * Takes bits, and channels if that is allowed, until the sizes fit. If bits are to be capped, gives bits that fit before.
 *
 * @param curvature squares of the parameters' gradients
 */
export async function fitBits(
  experiment: Experiment,
  session: Session,
  fit: Fit,
  curvature: Float64Array,
): Promise<void> {
  const { program, training } = session;
  const { variables } = training;
  const { quantizers } = variables;
  const { budget } = experiment;
  const table = Float64Array.from(await program.read(STORAGE.quantizers));
  const velocity = Float64Array.from(await program.read(STORAGE.quantizerVelocity));
  const bits = tableBits(quantizers, table);
  const offered = fit === 'exchange' ? oneMore(bits, quantizers) : bits;
  const parameters = await program.read(STORAGE.parameters);
  const refit = refits(variables, table, parameters);
  const curvatureOf = onceEach(variables, (row) =>
    quantizers[row]!.role === 'activation' ? 0 : mean(elementsOf(variables, row, curvature)),
  );
  const errors = () => {
    const error = bitError(quantizers, refit, curvatureOf);
    return fit === 'exchange' ? reluctant(error, bits) : error;
  };
  const measured = { parameters, curvature, errors };
  const left = budget.prunes ? await prunedBits(experiment, session, offered, measured) : offered;
  const error = errors();
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
  const chosen = fit !== 'take' ? giveBits(fitting, limits, quantizers.map(largestBits), common) : fitting;
  for (const [row, count] of chosen.entries()) {
    if (count === bits[row] && !(fit === 'settle' && isFarFromBest(row, count))) continue;
    table.set(refit(row, count).values, 2 * row);
    velocity.fill(0, 2 * row, 2 * row + 2);
  }
  program.write(STORAGE.quantizers, table);
  program.write(STORAGE.quantizerVelocity, velocity);
  if (fit !== 'take') program.write(STORAGE.bitCaps, chosen);
}

/** The values on which errors of bits and channels depend. */
interface Measured {
  /** As before the first channel is pruned. */
  readonly parameters: StorageArray;
  /** Squares of the parameters' gradients. */
  readonly curvature: Float64Array;
  /** The errors with the channels that are left. */
  readonly errors: () => BitError;
}

/** The offered bits that remain after channels have been pruned together with bits, limit by limit. */
async function prunedBits(
  experiment: Experiment,
  session: Session,
  offered: readonly number[],
  { parameters, curvature, errors }: Measured,
): Promise<readonly number[]> {
  const { variables } = session.training;
  let bits = offered;
  for (const key of limitsOfChannels) {
    const limit = budgetLimits(experiment, variables.counted).find((each) => each.key === key);
    if (!limit || excess(limit, bits) === 0) continue;
    const error = errors();
    const shared = key === 'target_weight_kbytes' ? { error, unit: 1 } : relativeError(error, bits, variables);
    bits = await pruneToFit(session, experiment, limit, bits, { ...shared, parameters, curvature });
  }
  return bits;
}

/** Offers each weight and bias one bit more. */
function oneMore(bits: readonly number[], quantizers: readonly Quantizer[]): number[] {
  return bits.map((count, row) => {
    const quantizer = quantizers[row]!;
    return quantizer.role === 'activation' ? count : Math.min(count + 1, largestBits(quantizer));
  });
}

/**
 * The error; for bits above the present ones its decrease is divided by `reluctance`, so that bits do not oscillate with
 * the noise of measurements.
 */
function reluctant(error: BitError, present: readonly number[]): BitError {
  return (row, count) => {
    if (count <= present[row]!) return error(row, count);
    const now = error(row, present[row]!);
    return now - (now - error(row, count)) / reluctance;
  };
}

const reluctance = 2;

function bitError(quantizers: readonly Quantizer[], refit: Refits, curvatureOf: (row: number) => number): BitError {
  // Before the first step there are no gradients: every tensor's error counts the same then.
  const isKnown = quantizers.some((_, row) => curvatureOf(row) > 0);
  return (row, bits) => {
    if (quantizers[row]!.role === 'activation') return 4 ** -bits;
    return (isKnown ? curvatureOf(row) : 1) * refit(row, bits).error;
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

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}
