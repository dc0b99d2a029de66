import { expect, it } from 'vitest';
import { experimentFromSettings } from './experiment.js';
import { settingsDifference } from './settingsDifference.js';

const { settings } = experimentFromSettings('A', 'a.cfg', {});
/** Keys that say only where a run happens, or with what it began. */
const free = [
  'out',
  'name',
  'resume',
  'checkpoint_minutes',
  'tensorboard',
  'threads',
  'decode_threads',
  'device',
  'weightfile',
  'normalise',
];

it('is nothing between equal settings', () => {
  expect(settingsDifference(settings, settings)).toBe(null);
});

it.each(Object.keys(settings))('%s makes another run, or does not', (key) => {
  const then = { ...settings, [key]: 'another' };
  const difference = settingsDifference(then, settings);
  if (free.includes(key)) expect(difference).toBe(null);
  // Without a value it is left to the images.
  else if (key !== 'validation_split') expect(difference).toMatch(new RegExp(`^${key} was "another", now it is `));
});
