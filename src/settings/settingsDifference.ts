/** The difference between two runs' settings, without keys that say only where a run happens. */

import type { Settings } from './settingRules.js';

// Another engine changes only the last bits, and is the user's choice.
const free: readonly string[] = [
  'out',
  'name',
  'resume',
  'checkpoint_minutes',
  'tensorboard',
  'count_oscillations',
  'threads',
  'decode_threads',
  'device',
  'weightfile',
  // `mean` and `std` have the numbers.
  'normalise',
];

/** The settings that decide what a run computes. */
export function decidingSettings(settings: Settings): Partial<Settings> {
  return Object.fromEntries(Object.entries(settings).filter(([key]) => !free.includes(key)));
}

/**
 * The first difference in words, `null` for none. `then`: settings of a config.json; keys younger than it have the
 * default that was built in then.
 */
export function settingsDifference(then: Readonly<Record<string, unknown>>, now: Settings): string | null {
  for (const [key, value] of Object.entries(now)) {
    const before = then[key];
    // Earlier versions wrote the resolved number; a difference shows once the images are there. With another `select` it
    // follows from that.
    if (key === 'validation_split' && (value === null || (then.select ?? now.select) !== now.select)) continue;
    // Affects one kind of quantizer only; for other kinds earlier versions wrote another value.
    if (key === 'recompute_range' && !JSON.stringify(now).includes('parametric_fp_b_xmax')) continue;
    if (free.includes(key) || before === undefined || JSON.stringify(before) === JSON.stringify(value)) continue;
    return `${key} was ${JSON.stringify(before)}, now it is ${JSON.stringify(value)}`;
  }
  return null;
}
