/** The difference of two runs' settings, leaving out keys that say only where a run happens. */

import type { Settings } from './settingRules.js';

// Another engine changes the last bits: the user's choice.
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
  // What it means stands in mean and std.
  'normalise',
];

/** Those that decide what a run computes. */
export function decidingSettings(settings: Settings): Partial<Settings> {
  return Object.fromEntries(Object.entries(settings).filter(([key]) => !free.includes(key)));
}

/**
 * The first difference in words, `null` if there is none. `then`: the settings of a config.json; a key younger than it
 * has the default that was built in then.
 */
export function settingsDifference(then: Readonly<Record<string, unknown>>, now: Settings): string | null {
  for (const [key, value] of Object.entries(now)) {
    const before = then[key];
    // Left to the number of images, which earlier versions wrote down; whether it is the same shows when they are there.
    if (key === 'validation_split' && value === null) continue;
    // Changes the range of one kind only; where no tensor is of it, earlier versions wrote down another value.
    if (key === 'recompute_range' && !JSON.stringify(now).includes('parametric_fp_b_xmax')) continue;
    if (free.includes(key) || before === undefined || JSON.stringify(before) === JSON.stringify(value)) continue;
    return `${key} was ${JSON.stringify(before)}, now it is ${JSON.stringify(value)}`;
  }
  return null;
}
