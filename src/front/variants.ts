/** Variants of learned bits: sections of a user's .cfg file with the keys that each changes. */

import { InputError } from '../errors.js';
import { settingEntries } from '../settings/index.js';
import type { FrontOptions } from './frontPlan.js';
import type { Keys } from './keys.js';

export interface Variant {
  readonly name: string;
  readonly keys: Keys;
}

/** Keys that a variant must not change, since the comparison would be unfair. */
const sharedKeys: readonly string[] = [
  ...['name', 'resume', 'seed', 'out', 'data', 'model', 'epochs', 'select', 'validation_split'],
  ...['budget', 'target_weight_kbytes', 'target_activation_kbytes'],
];

/** @throws InputError for names with slashes, and for keys that a variant cannot change */
export function variantsOf({ variants: file }: FrontOptions): Variant[] {
  if (!file) return [];
  return [...file.sections.keys()].map((name) => {
    if (/[/\\]/.test(name)) {
      throw new InputError(
        `${file.path}: [${name}] is no name for a variant, which has no slashes: run folders have it`,
      );
    }
    const entries = settingEntries(file, name);
    const shared = entries.find(({ key }) => sharedKeys.includes(key));
    if (shared) {
      throw new InputError(
        `${file.path}:${shared.line}: [${name}] ${shared.key}: is the same in all networks of a front; give it to the call`,
      );
    }
    return { name, keys: Object.fromEntries(entries.map(({ key, value }) => [key, value])) };
  });
}

/** @throws InputError for a budget that the front does not have, and if there are no variants */
export function variantBudgetsOf(
  { variants, variantBudgets }: FrontOptions,
  all: readonly number[],
): readonly number[] {
  if (!variantBudgets) return all;
  if (!variants) throw new InputError('--variant-budgets: goes with --variants');
  const strange = variantBudgets.find((kbytes) => !all.includes(kbytes));
  if (strange === undefined) return variantBudgets;
  throw new InputError(`--variant-budgets ${strange}: is none of the budgets, which are ${all.join(', ')}`);
}

/** Calls `resolve` with the keys of a variant; names its section in an error. */
export function checkVariant({ variants }: FrontOptions, name: string, resolve: () => unknown): void {
  try {
    resolve();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${variants?.path}: [${name}] makes ${error.message}`);
  }
}
