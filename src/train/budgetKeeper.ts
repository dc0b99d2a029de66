/**
 * Budgets that hold: with `budget = guaranteed` every epoch ends inside its targets.
 *
 * In the first part of the run, the search, bits are learned under the penalty; at the end of each of its epochs, before
 * it is evaluated, single bits are taken where they cost the least until all sizes fit. With the last of these epochs the
 * bits freeze: what room is left is given back, and from then on no step may raise a quantizer above its bits, so that
 * sizes hold at every step, while weights and ranges go on learning without a penalty.
 *
 * A bit of a weight costs the squared error that it adds, each element weighted by the mean square of the tensor's
 * gradients in the last step: to second order, that is what the loss feels (a gradient's square estimates the curvature).
 * Of activations no values are at hand; one bit less quadruples the squared error relative to the range.
 *
 * Everything is decided here, from numbers read back at the end of an epoch, and kept in the checkpoint.
 */

import { InputError } from '../errors.js';
import type { Experiment } from '../experiment/index.js';
import { elementCount } from '../graph/index.js';
import { STORAGE, type Variables } from '../nn/index.js';
import {
  type BitError,
  giveBits,
  individualLimits,
  largestSet,
  type MemoryLimit,
  memorySets,
  missingKbytes,
  parameterNames,
  requantizeActivation,
  requantizeWeights,
  smallestBits,
  squaredError,
  tableBits,
  takeBits,
} from '../quant/index.js';
import { tensorOf } from './quantizerReport.js';
import type { Session } from './session.js';

/** Epochs (from the first) that look for bits. */
export function searchEpochs({ budget, training }: Experiment): number {
  return Math.round(budget.search * training.epochs);
}

/** Whether bits are frozen in an epoch, counted from 0. */
export function areBitsFrozen(experiment: Experiment, epoch: number): boolean {
  return guaranteesBudget(experiment) && epoch >= searchEpochs(experiment);
}

export function guaranteesBudget({ budget }: Experiment): boolean {
  const { mode, targetWeightKbytes, targetActivationKbytes } = budget;
  return mode === 'guaranteed' && (targetWeightKbytes > 0 || targetActivationKbytes > 0);
}

/**
 * Whether the budget can be met at all, in a line; `null` without a budget.
 *
 * @throws InputError if it cannot be met and shall be guaranteed
 */
export function budgetOutlook(experiment: Experiment, variables: Variables): string | null {
  const limits = memoryLimits(experiment, variables);
  if (limits.length === 0) return null;
  const smallest = variables.quantizers.map(smallestBits);
  const [missing] = missingKbytes(limits, smallest);
  if (!missing) {
    const room = limits.map((limit) => {
      return `${limit.what} need ${largestSet(limit.sets, smallest).kbytes.toFixed(2)} of ${limit.kbytes} kB`;
    });
    return `with the fewest bits allowed ${room.join(', ')}`;
  }
  const { limit, set, kbytes } = missing;
  const { key, what } = limit as NamedLimit;
  const largest = set.members.reduce(
    (best, { row, count }) => (smallest[row]! * count > best.bits ? { row, bits: smallest[row]! * count } : best),
    { row: -1, bits: 0 },
  );
  const layer = variables.quantizers[largest.row];
  const worst = layer
    ? `; the largest part is ${tensorOf(layer.name)} with ${smallest[largest.row]} bits, ${(largest.bits / 8192).toFixed(2)} kB`
    : '';
  const where = experiment.sources.get(key)?.where ?? `${experiment.configPath}: [${experiment.name}] ${key}`;
  const fault = `${where} = ${limit.kbytes}: cannot be met: with the fewest bits allowed ${what} take ${(limit.kbytes + kbytes).toFixed(2)} kB, ${kbytes.toFixed(2)} kB too much${worst}`;
  if (guaranteesBudget(experiment)) throw new InputError(fault);
  return fault;
}

interface NamedLimit extends MemoryLimit {
  readonly key: 'target_weight_kbytes' | 'target_activation_kbytes';
  readonly what: string;
}

function memoryLimits({ budget }: Experiment, { quantizers, unquantized }: Variables): NamedLimit[] {
  const sets = memorySets(quantizers, unquantized);
  const { targetWeightKbytes, targetActivationKbytes, targetActivationType } = budget;
  const limits: NamedLimit[] = [
    { key: 'target_weight_kbytes', what: 'weights', sets: sets.weights, kbytes: targetWeightKbytes },
    {
      key: 'target_activation_kbytes',
      what: `activations (${targetActivationType})`,
      sets: sets[targetActivationType],
      kbytes: targetActivationKbytes,
    },
  ];
  return limits.filter(({ kbytes }) => kbytes > 0);
}

/** Before the first step of a run: caps that leave every quantizer what the budget could give it, or frozen bits. */
export async function beginBudget(experiment: Experiment, session: Session): Promise<void> {
  if (!guaranteesBudget(experiment)) return;
  await keepBudget(experiment, session, 0);
}

/** At the end of an epoch (epochs finished), before it is evaluated. */
export async function keepBudget(experiment: Experiment, session: Session, finished: number): Promise<void> {
  if (!guaranteesBudget(experiment) || finished > searchEpochs(experiment)) return;
  const { program, training } = session;
  const { variables } = training;
  const { quantizers } = variables;
  if (finished === 0 && !areBitsFrozen(experiment, 0)) {
    program.write(STORAGE.bitCaps, searchCaps(experiment, variables));
    return;
  }
  const table = Float64Array.from(await program.read(STORAGE.quantizers));
  const velocity = Float64Array.from(await program.read(STORAGE.quantizerVelocity));
  const parameters = await program.read(STORAGE.parameters);
  const gradients = await program.read(STORAGE.gradients);
  const limits = memoryLimits(experiment, variables);
  const bits = tableBits(quantizers, table);
  const refit = refits(variables, table, parameters);
  const error = bitError(variables, bits, refit, gradients);
  let chosen = takeBits(bits, limits, quantizers.map(smallestBits), error);
  const freezes = areBitsFrozen(experiment, finished);
  if (freezes) chosen = giveBits(chosen, limits, largestBits(variables), error);
  for (const [row, count] of chosen.entries()) {
    if (count === bits[row]) continue;
    table.set(refit(row, count).values, 2 * row);
    velocity.fill(0, 2 * row, 2 * row + 2);
  }
  program.write(STORAGE.quantizers, table);
  program.write(STORAGE.quantizerVelocity, velocity);
  program.write(STORAGE.bitCaps, freezes ? chosen : searchCaps(experiment, variables));
}

function searchCaps(experiment: Experiment, variables: Variables): number[] {
  const limits = memoryLimits(experiment, variables);
  return individualLimits(limits, variables.quantizers.map(smallestBits), largestBits(variables));
}

/** The configured maximum, which does not bind every kind by itself. */
function largestBits({ quantizers }: Variables): number[] {
  return quantizers.map((quantizer) =>
    parameterNames(quantizer.kind).length === 0 ? quantizer.bitwidth : quantizer.bounds.n.max,
  );
}

interface Refit {
  readonly values: readonly [number, number];
  /** Squared error, of weights. */
  readonly error: number;
}

/** Values of a row with other bits, or its present ones, with the error they leave; computed once. */
function refits(
  variables: Variables,
  table: ArrayLike<number>,
  parameters: ArrayLike<number>,
): (row: number, bits: number) => Refit {
  const { quantizers } = variables;
  const present = tableBits(quantizers, table);
  const known = new Map<string, Refit>();
  const compute = (row: number, bits: number): Refit => {
    const quantizer = quantizers[row]!;
    const values = [table[2 * row]!, table[2 * row + 1]!] as const;
    if (quantizer.role === 'activation') {
      return { values: bits === present[row] ? values : requantizeActivation(quantizer, bits, ...values), error: 0 };
    }
    const weights = elementsOf(variables, row, parameters);
    if (bits === present[row]) return { values, error: squaredError(quantizer, ...values, weights) };
    return requantizeWeights(quantizer, bits, values, weights);
  };
  return (row, bits) => {
    const key = `${row} ${bits}`;
    const refit = known.get(key) ?? compute(row, bits);
    known.set(key, refit);
    return refit;
  };
}

function bitError(
  variables: Variables,
  _present: readonly number[],
  refit: (row: number, bits: number) => Refit,
  gradients: ArrayLike<number>,
): BitError {
  const sensitivities = variables.quantizers.map(({ role }, row) => {
    if (role === 'activation') return 1;
    const own = elementsOf(variables, row, gradients);
    let sum = 0;
    for (let i = 0; i < own.length; i++) sum += own[i]! ** 2;
    return sum / own.length;
  });
  return (row, bits) =>
    variables.quantizers[row]!.role === 'activation' ? 4 ** -bits : sensitivities[row]! * refit(row, bits).error;
}

/** The part of a vector that follows the parameters which belongs to the tensor of a weight's quantizer. */
function elementsOf(variables: Variables, row: number, vector: ArrayLike<number>): ArrayLike<number> {
  const name = tensorOf(variables.quantizers[row]!.name);
  const variable = variables.find(name);
  if (!variable) throw new Error(`no parameter is called ${name}`);
  const { offset } = variable.view;
  return Array.prototype.slice.call(vector, offset, offset + elementCount(variable.shape));
}
