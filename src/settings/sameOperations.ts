/** Settings of runs whose steps are of the same operations, with other numbers: such runs can compute together on a GPU. */

import type { Settings } from './settingRules.js';
import type { SettingKey } from './settings.js';
import { decidingSettings } from './settingsDifference.js';

/** Keys whose values are numbers in a step, or decide what the host does before, between and after steps. */
const ofNumbers: readonly SettingKey[] = [
  ...(['seed', 'epochs', 'initial_learning_rate', 'learning_rate_drops', 'schedule', 'warmup_epochs'] as const),
  ...(['momentum', 'weight_decay', 'quantizer_learning_rate_factor', 'distill_temperature', 'distill_weight'] as const),
  ...(['w_stepsize', 'w_stepsize_min', 'w_stepsize_max', 'w_xmin_min', 'w_xmin_max', 'w_xmax_min'] as const),
  ...(['w_xmax_max', 'w_bitwidth', 'w_bitwidth_min', 'w_bitwidth_max'] as const),
  ...(['a_stepsize', 'a_stepsize_min', 'a_stepsize_max', 'a_xmin_min', 'a_xmin_max', 'a_xmax_min'] as const),
  ...(['a_xmax_max', 'a_bitwidth', 'a_bitwidth_min', 'a_bitwidth_max', 'layers'] as const),
  ...(['target_weight_kbytes', 'target_activation_kbytes', 'target_activation_type', 'target_gbops'] as const),
  ...(['target_cost', 'costs', 'budget_search', 'budget_begin', 'budget_slack', 'budget_prune_step'] as const),
  ...(['initial_cost_lambda2', 'initial_cost_lambda3'] as const),
];

/** Keys with which a step has an operation more as soon as they are above zero. */
const switches: readonly SettingKey[] = [
  ...(['label_smoothing', 'ema_decay', 'damp_oscillations', 'bn_reestimate', 'budget_measure'] as const),
];

/**
 * Tells whether runs with these settings may have the same operations, which is a guess: the engine compares their
 * programs, and computes those by themselves that differ after all, such as by the formats that follow from their bits.
 */
export function mayHaveSameOperations(a: Settings, b: Settings): boolean {
  return operationsOf(a) === operationsOf(b);
}

function operationsOf(settings: Settings): string {
  const deciding = Object.entries(decidingSettings(settings)).filter(([key]) => !ofNumbers.includes(key as SettingKey));
  return JSON.stringify(
    deciding.map(([key, value]) => [key, switches.includes(key as SettingKey) ? Number(value) > 0 : value]),
  );
}
