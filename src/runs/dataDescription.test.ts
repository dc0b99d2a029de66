import { describe, expect, it } from 'vitest';
import { generateSynthetic } from '../data/index.js';
import { experimentFromSettings } from '../settings/index.js';
import { type DataDescription, describeData } from '../train/dataDescription.js';
import { dataDifference } from '../train/dataDifference.js';
import { relabelled } from './dataDescription.js';

const { train, test } = generateSynthetic(1, 20);
const experiment = experimentFromSettings('A', 'a', { mean: 0, std: 1 });
const given = { classes: ['red', 'green', 'blue'], train, validation: null, test };
const described = (data: typeof given) => ({ ...describeData(experiment, data), scale: [0.5, 1, 1] });
const then = described(given);

describe('data', () => {
  it('that are the same do not differ', () => {
    expect(dataDifference(then, JSON.parse(JSON.stringify(then)))).toBeNull();
    expect(then.image).toEqual([32, 32, 3]);
  });

  it.each<[string, Partial<DataDescription>]>([
    ["class 2 was 'blue', now it is 'sky'", { classes: ['red', 'green', 'sky'] }],
    [
      "class 0 was 'red', now it is 'green', since the order of the classes has changed",
      { classes: ['green', 'red', 'blue'] },
    ],
    ['there were 3 classes, now there are 2', { classes: ['red', 'green'] }],
    ['images were 32x32x3, now they are 28x28x3', { image: [28, 28, 3] }],
    ['scales of pixels were 0.5,1,1, now they are 2,1,1', { scale: [2, 1, 1] }],
    ['offsets of pixels were 0,0,0, now they are 0,0,1', { offset: [0, 0, 1] }],
    ['the training images are others (fingerprint ', { fingerprints: { ...then.fingerprints, train: 'bytes:0' } }],
    ['the validation images are others (', { fingerprints: { ...then.fingerprints, validation: 'bytes:0' } }],
    ['the test images are others (', { fingerprints: { ...then.fingerprints, test: 'files:0' } }],
  ])('%s', (words, change) => {
    expect(dataDifference(then, { ...then, ...change })).toContain(words);
  });

  it('of one changed pixel are others', () => {
    const images = train.images.slice();
    images[1234]! ^= 1;
    const now = described({ ...given, train: { ...train, images } });
    expect(dataDifference(then, now)).toContain('the training images are others');
  });
});

describe('labels', () => {
  const images = { ...train, labels: Int32Array.of(0, 1, 1), count: 3 };

  it('follow the names of the classes', () => {
    const { labels } = relabelled(images, ['blue', 'red'], given.classes, 'images:x');
    expect([...labels]).toEqual([2, 0, 0]);
  });

  it('of a class that the network does not know are refused', () => {
    expect(() => relabelled(images, ['red', 'sky'], given.classes, 'images:x')).toThrow(
      "images:x: class 'sky' is none of those that the run knows: red, green, blue",
    );
  });
});
