/** The budget of an experiment as limits for its network. */

import { InputError } from '../errors.js';
import { kilobyteDecimals, kilobytesText, roundedUp } from '../kilobytes.js';
import type { Counted } from '../nn/index.js';
import { fewestChannels } from '../program/prunedChannels.js';
import { tensorOf } from '../program/quantizerReport.js';
import type { TrainingProgram } from '../program/trainingProgram.js';
import {
  bitOperations,
  bitOperationsPerGbop,
  bitsPerKbyte,
  costBeyond,
  costLimit,
  excess,
  kindNamed,
  type Limit,
  largestSet,
  memoryLimit,
  memorySets,
  networkCost,
  productCost,
  smallestBits,
  type TensorSet,
  uncoveredWidths,
} from '../quant/index.js';
import { type Experiment, guaranteesBudget, type SettingKey, whereSet } from '../settings/index.js';

/** A limit with the key that sets it, and its quantity in words. */
export interface BudgetLimit extends Limit {
  readonly key: Extract<SettingKey, `target_${string}`>;
  readonly what: string;
  readonly unit: 'kB' | 'GBOPs' | 'of cost';
  /** The largest tensor, in words for the end of a message; empty if no single one is. */
  largestPart(bits: readonly number[]): string;
}

/** The keys of limits for which channels are pruned. */
export const limitsOfChannels = ['target_weight_kbytes', 'target_gbops', 'target_cost'] as const;

/** All limits, those of memory first. */
export function budgetLimits({ budget }: Experiment, counted: Counted): BudgetLimit[] {
  const { quantizers, unquantized, products } = counted;
  const { targetWeightKbytes, targetActivationKbytes, targetActivationType: type, targetGbops, costs } = budget;
  const sets = memorySets(quantizers, unquantized);
  const memory = (of: readonly TensorSet[], most: number) => ({
    ...memoryLimit(of, most),
    unit: 'kB' as const,
    largestPart: (bits: readonly number[]) => largestPart(counted, largestSet(of, bits).set, bits),
  });
  const limits: BudgetLimit[] = [
    { key: 'target_weight_kbytes', what: 'weights', ...memory(sets.weights, targetWeightKbytes) },
    { key: 'target_activation_kbytes', what: `activations (${type})`, ...memory(sets[type], targetActivationKbytes) },
    {
      ...{ key: 'target_gbops', what: 'products', unit: 'GBOPs', largestPart: () => '' },
      ...costLimit((bits) => productCost(products, bits, bitOperations) / bitOperationsPerGbop, targetGbops),
    },
    {
      ...{ key: 'target_cost', what: 'products and memory', unit: 'of cost', largestPart: () => '' },
      ...costLimit((bits) => (costs ? networkCost(costs, products, sets, bits, costBeyond) : 0), budget.targetCost),
    },
  ];
  return limits.filter(({ most }) => most > 0);
}

/** Whether a budget can be met, and a line with the room at the fewest bits, or with the excess and the largest tensor. */
export interface BudgetOutlook {
  readonly canBeMet: boolean;
  readonly line: string;
}

/**
 * The line of the outlook; `null` without a budget.
 *
 * @throws InputError as `outlookOf` does, and if a guaranteed budget cannot be met
 */
export function budgetOutlook(experiment: Experiment, training: Declared): string | null {
  const outlook = outlookOf(experiment, training);
  if (outlook && !outlook.canBeMet && guaranteesBudget(experiment.budget)) throw new InputError(outlook.line);
  return outlook?.line ?? null;
}

type Declared = Pick<TrainingProgram, 'options' | 'variables'>;

/**
 * The outlook of a budget; `null` without one.
 *
 * @throws InputError if no channel can be pruned, if a quantizer would use more levels than the bits of a guaranteed
 *   budget, or if the cost table lacks a width
 */
export function outlookOf(experiment: Experiment, training: Declared): BudgetOutlook | null {
  const { variables } = training;
  const smallest = variables.quantizers.map(smallestBits);
  const { costs, prunes } = experiment.budget;
  if (prunes && variables.channelGroups.length === 0) {
    throw new InputError(
      `${whereSet(experiment, 'budget_prune')} = true: no channel of this network can go: each is read by a sum, or has ` +
        'no batch normalisation with a ReLU behind it, or a quantizer of activations there that learns nothing',
    );
  }
  const uncovered = costs && uncoveredWidths(costs, variables.products, smallest);
  if (uncovered) {
    const where = whereSet(experiment, 'costs');
    throw new InputError(`${where}: no entry is as wide as a multiply-add of ${uncovered.join(' x ')} bits; add one`);
  }
  const whole = budgetLimits(experiment, variables);
  const fewest = budgetLimits(experiment, fewestChannels(training, experiment.budget.pruneStep));
  const isOfChannels = ({ key }: BudgetLimit) => prunes && limitsOfChannels.some((each) => each === key);
  const limits = whole.map((limit, at) => (isOfChannels(limit) ? fewest[at]! : limit));
  if (limits.length === 0) return null;
  const excessive = variables.quantizers.find((quantizer) => kindNamed(quantizer.kind).mayExceedBits(quantizer));
  if (excessive && guaranteesBudget(experiment.budget)) {
    const where = whereSet(experiment, 'recompute_range');
    const what = `${tensorOf(excessive.name)} (${excessive.kind}) would use more levels than its bits can number`;
    throw new InputError(`${where} = false: must be true with budget = guaranteed: ${what}`);
  }
  const missing = limits.find((limit) => excess(limit, smallest) > 0);
  if (!missing) {
    const needs = limits.map((limit) => {
      const { what, cost, most, unit } = limit;
      const all = prunes && !isOfChannels(limit) ? ', with all channels' : '';
      return `${what} need ${digits[unit](cost(smallest))} of ${most} ${unit}${all}`;
    });
    const line = `budget: with the fewest bits ${prunes ? 'and channels ' : ''}${needs.join(', ')}${searchOutlook(experiment)}`;
    return { canBeMet: true, line };
  }
  const { key, what, unit, most } = missing;
  const needed = missing.cost(smallest);
  const line =
    `${whereSet(experiment, key)} = ${most}: cannot be met: with the fewest bits ${isOfChannels(missing) ? 'and channels ' : ''}that the limits allow, ` +
    `${what} need ` +
    `${digits[unit](needed)} ${unit}, ${digits[unit](needed - most)} ${unit} too much${missing.largestPart(smallest)}`;
  return { canBeMet: false, line };
}

/** The end of the line where a search is asked for, if only by default, that has no epoch. */
function searchOutlook({ budget, settings, training: { epochs } }: Experiment): string {
  const { budget_search: search } = settings;
  if (!guaranteesBudget(budget) || budget.searchEpochs > 0 || search === 0) return '';
  return `; budget_search = ${search} of epochs = ${epochs} is none, so bits are given once, before the first step`;
}

/** Formats of needed amounts, rounded up: kB suit networks of all sizes, but small ones have few bit operations. */
const digits: Readonly<Record<BudgetLimit['unit'], (amount: number) => string>> = {
  kB: (amount) => roundedUp(amount, kilobyteDecimals(amount, 2)),
  GBOPs: (amount) => significant(amount, 3),
  'of cost': (amount) => significant(amount, 4),
};

/** An amount rounded up with at least so many significant digits. */
function significant(amount: number, count: number): string {
  const decimals = count - 1 - Math.floor(Math.log10(amount));
  return String(Number(roundedUp(amount, Math.min(100, Math.max(0, decimals)))));
}

function largestPart({ quantizers }: Counted, set: TensorSet, bits: readonly number[]): string {
  const sizes = set.members.map(({ row, count }) => ({ row, size: bits[row]! * count }));
  const [largest] = sizes.sort((a, b) => b.size - a.size);
  if (!largest || largest.size < set.bits) return '; most of it is not quantized';
  const { row, size } = largest;
  return `; most of it is ${tensorOf(quantizers[row]!.name)}, ${kilobytesText(size / bitsPerKbyte, 2)} kB at ${bits[row]} bits`;
}
