/** Keys of a front's sections: those that all runs share, and those by which the ways to choose bits differ. */

import {
  concernsQuantizers,
  type Experiment,
  type Lines,
  type Overrides,
  type SettingKey,
  settingEntries,
} from '../settings/index.js';
import type { FrontOptions } from './frontPlan.js';

export type Keys = Readonly<Partial<Record<SettingKey, string | number>>>;

/** Keys that every run sets itself, or in which the ways differ. */
const ownKeys = [
  ...['name', 'resume', 'seed', 'out', 'weightfile', 'budget', 'budget_search', 'layers'],
  ...[
    'weights',
    'target_weight_kbytes',
    'target_activation_kbytes',
    'w_quantize',
    'a_quantize',
    'w_bitwidth',
    'a_bitwidth',
  ],
];

/** Keys for distillation of quantized networks; the float network only has the teacher of its section. */
const teachingKeys: readonly string[] = ['distill', 'distill_temperature', 'distill_weight'];

/**
 * Learning rate of networks that start from the float one, relative to its rate, as in the published sections
 * (`…_RLR`).
 */
const rateOfQuantized = 0.1;

/** The keys of [DEFAULT]: those of the float network's section, and the call's overrides. */
export function sharedLines({ file, section, settings }: FrontOptions, { overrides }: Experiment): Lines {
  const written = settingEntries(file, section).map(({ key, value }) => [key, value] as const);
  const ofQuantizers = Object.entries(settings).flatMap(([option, value]) =>
    value !== undefined && concernsQuantizers(keyOf(option)) ? [[keyOf(option), value] as const] : [],
  );
  const keys = [...written, ...overrides, ...ofQuantizers].filter(([key]) => !ownKeys.includes(key));
  return linesOf(Object.fromEntries(keys));
}

/** Keys of a network that starts from a float one. */
export function startingFrom(float: string, { training }: Experiment): Keys {
  return {
    weightfile: `${float}/params_best.safetensors`,
    initial_learning_rate: Number((training.initialLearningRate * rateOfQuantized).toPrecision(6)),
  };
}

/** Keys for bits inferred from learned values, within the budget. */
export function underBudget(kbytes: number, activationKbytes: number | undefined): Keys {
  return {
    w_quantize: 'parametric_fp_d_xmax',
    budget: 'guaranteed',
    target_weight_kbytes: kbytes,
    ...(activationKbytes !== undefined && {
      a_quantize: 'parametric_fp_d_xmax_relu',
      target_activation_kbytes: activationKbytes,
    }),
  };
}

/** Keys that fix the bits of a quantizer that could infer them. */
export function fixedBits(prefix: 'w' | 'a', bits: number): Keys {
  return { [`${prefix}_bitwidth`]: bits, [`${prefix}_bitwidth_min`]: bits, [`${prefix}_bitwidth_max`]: bits };
}

/** The call's keys for distillation of quantized networks. */
export function teachingOf(settings: Overrides): Keys {
  const given = Object.entries(settings).map(([option, value]) => [keyOf(option), value] as const);
  return Object.fromEntries(given.filter(([key, value]) => teachingKeys.includes(key) && value !== undefined));
}

/** Tells whether a key does not apply to float networks. */
export function isOfQuantized(key: string): boolean {
  return concernsQuantizers(key) || teachingKeys.includes(key);
}

/** The .cfg key of an option in commander's spelling. */
export function keyOf(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Keys as the lines of a section. */
export function linesOf(keys: Readonly<Record<string, unknown>>): Lines {
  return new Map(Object.entries(keys).map(([key, value]) => [key, { value: String(value) }]));
}
