/** The memory budget of an experiment as limits of its network: whether they can be kept at all, and whether they are. */

import { InputError } from '../errors.js';
import type { Variables } from '../nn/index.js';
import { tensorOf } from '../program/quantizerReport.js';
import {
  bitsPerKbyte,
  kindNamed,
  largestSet,
  type MemoryLimit,
  memorySets,
  missingKbytes,
  smallestBits,
  type TensorSet,
} from '../quant/index.js';
import { type Experiment, guaranteesBudget } from '../settings/index.js';

/** A target with the key that sets it and what it limits, in words. */
export interface BudgetLimit extends MemoryLimit {
  readonly key: 'target_weight_kbytes' | 'target_activation_kbytes';
  readonly what: string;
}

export function budgetLimits({ budget }: Experiment, { quantizers, unquantized }: Variables): BudgetLimit[] {
  const sets = memorySets(quantizers, unquantized);
  const { targetWeightKbytes, targetActivationKbytes, targetActivationType: type } = budget;
  const weights = { what: 'weights', sets: sets.weights, kbytes: targetWeightKbytes };
  const activations = { what: `activations (${type})`, sets: sets[type], kbytes: targetActivationKbytes };
  const limits: BudgetLimit[] = [
    { key: 'target_weight_kbytes', ...weights },
    { key: 'target_activation_kbytes', ...activations },
  ];
  return limits.filter(({ kbytes }) => kbytes > 0);
}

/**
 * A line on whether the budget can be met, with the room there is at the fewest bits, or with what is missing and the
 * tensor that takes most of it; `null` without a budget.
 *
 * @throws InputError if it cannot be met and shall be guaranteed, or if a quantizer would use more levels than it counts
 */
export function budgetOutlook(experiment: Experiment, variables: Variables): string | null {
  const limits = budgetLimits(experiment, variables);
  if (limits.length === 0) return null;
  const excessive = variables.quantizers.find((quantizer) => kindNamed(quantizer.kind).mayExceedBits(quantizer));
  if (excessive && guaranteesBudget(experiment.budget)) {
    const where = whereOf(experiment, 'recompute_range');
    const what = `${tensorOf(excessive.name)} (${excessive.kind}) would use more levels than its bits can number`;
    throw new InputError(`${where} = false: must be true with budget = guaranteed: ${what}`);
  }
  const smallest = variables.quantizers.map(smallestBits);
  const missing = limits.find((limit) => missingKbytes(limit, smallest) > 0);
  if (!missing) {
    const needs = limits.map(({ what, sets, kbytes }) => {
      return `${what} need ${largestSet(sets, smallest).kbytes.toFixed(2)} of ${kbytes} kB`;
    });
    return `budget: with the fewest bits ${needs.join(', ')}`;
  }
  const { key, what, kbytes, sets } = missing;
  const { set, kbytes: needed } = largestSet(sets, smallest);
  const where = whereOf(experiment, key);
  const fault =
    `${where} = ${kbytes}: cannot be met: with the fewest bits that the limits allow, ${what} need ` +
    `${needed.toFixed(2)} kB, ${(needed - kbytes).toFixed(2)} kB too much${largestPart(variables, set, smallest)}`;
  if (guaranteesBudget(experiment.budget)) throw new InputError(fault);
  return fault;
}

function whereOf({ sources, configPath, name }: Experiment, key: string): string {
  return sources.get(key)?.where ?? `${configPath}: [${name}] ${key}`;
}

function largestPart({ quantizers }: Variables, set: TensorSet, bits: readonly number[]): string {
  const sizes = set.members.map(({ row, count }) => ({ row, size: bits[row]! * count }));
  const [largest] = sizes.sort((a, b) => b.size - a.size);
  if (!largest || largest.size < set.bits) return '; most of it is not quantized';
  const { row, size } = largest;
  return `; most of it is ${tensorOf(quantizers[row]!.name)}, ${(size / bitsPerKbyte).toFixed(2)} kB at ${bits[row]} bits`;
}
