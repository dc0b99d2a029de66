/** Budgets: whether there is one, and whether sizes are within it. */

import type { ActivationType } from '../quant/index.js';
import type { Experiment } from './experiment.js';

/** Sizes under the column names of sizes.csv; `null` if an older version did not compute one. */
type Sizes = { readonly weights_kb: number } & Readonly<
  Record<`activations_${ActivationType}_kb` | 'gbops' | 'cost', number | null>
>;

export function hasBudget(budget: Experiment['budget']): boolean {
  const { targetWeightKbytes, targetActivationKbytes, targetGbops, targetCost } = budget;
  return Math.max(targetWeightKbytes, targetActivationKbytes, targetGbops, targetCost) > 0;
}

/** Tells whether epochs have to end inside the targets, at the latest from the last of the search on. */
export function guaranteesBudget(budget: Experiment['budget']): boolean {
  return budget.mode === 'guaranteed' && hasBudget(budget);
}

/** Tells whether the sizes are within all targets; without any they always are. */
export function obeysBudget(budget: Experiment['budget'], sizes: Sizes): boolean {
  const { targetWeightKbytes, targetActivationKbytes, targetActivationType, targetGbops, targetCost } = budget;
  const activations = sizes[`activations_${targetActivationType}_kb`] ?? Number.NaN;
  return (
    (targetWeightKbytes <= 0 || sizes.weights_kb <= targetWeightKbytes) &&
    (targetActivationKbytes <= 0 || activations <= targetActivationKbytes) &&
    (targetGbops <= 0 || (sizes.gbops ?? Number.NaN) <= targetGbops) &&
    (targetCost <= 0 || (sizes.cost ?? Number.NaN) <= targetCost)
  );
}
