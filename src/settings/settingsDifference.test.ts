import { expect, it } from 'vitest';
import { experimentFromSettings } from './experiment.js';
import { settingsDifference } from './settingsDifference.js';

const { settings } = experimentFromSettings('A', 'a.cfg', { w_quantize: 'parametric_fp_b_xmax' });
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
  'count_oscillations',
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

it('leaves out whether ranges are recomputed where no tensor has one that is', () => {
  const { settings: others } = experimentFromSettings('A', 'a.cfg', { w_quantize: 'parametric_fp_d_xmax' });
  expect(settingsDifference({ ...others, recompute_range: true }, others)).toBe(null);
});

it('names select, from which the held out images follow', () => {
  const last = experimentFromSettings('A', 'a.cfg', { select: 'last' }).settings;
  const chosen = experimentFromSettings('A', 'a.cfg', { select: 'validation', validation_split: 40 }).settings;
  expect(settingsDifference(last, chosen)).toBe('select was "last", now it is "validation"');
  expect(settingsDifference(chosen, last)).toBe('select was "validation", now it is "last"');
  expect(settingsDifference(chosen, { ...chosen, validation_split: 41 })).toBe('validation_split was 40, now it is 41');
});
