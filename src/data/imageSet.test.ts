import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { emptyImageSet, type ImageSet, joined, limit, split, usualSplit } from './imageSet.js';

/** Image i consists of the bytes i and has label 100 + i. */
function numbered(count: number): ImageSet {
  const set = emptyImageSet(count, 2, 3, 3);
  for (let image = 0; image < count; image++) {
    set.images.fill(image, image * 18, (image + 1) * 18);
    set.labels[image] = 100 + image;
  }
  return set;
}

const numbers = (set: ImageSet) =>
  Array.from({ length: set.count }, (_, image) => {
    const bytes = set.images.subarray(image * 18, (image + 1) * 18);
    expect(bytes.every((byte) => byte === set.labels[image]! - 100)).toBe(true);
    return bytes[0]!;
  });

describe('limit', () => {
  it('chooses the same images for a seed, in their old order', () => {
    const chosen = numbers(limit(numbered(50), 20, 7));
    expect(chosen).toEqual(numbers(limit(numbered(50), 20, 7)));
    expect(chosen).not.toEqual(numbers(limit(numbered(50), 20, 8)));
    expect(chosen).toEqual(chosen.toSorted((a, b) => a - b));
    expect(new Set(chosen).size).toBe(20);
  });

  it('refuses more than there is, fractions and zero', () => {
    expect(() => limit(numbered(5), 6, 1, '--limit-val')).toThrow('--limit-val = 6: there are 5 images');
    expect(() => limit(numbered(5), 2.5, 1)).toThrow(InputError);
    expect(() => limit(numbered(5), 0, 1)).toThrow(InputError);
  });
});

it('keeps floats floats', () => {
  const shape = { count: 4, height: 1, width: 1, channels: 2 };
  const images = Float32Array.of(0.5, -1, 1.5, -2, 2.5, -3, 3.5, -4);
  const set = { ...shape, images, labels: Int32Array.of(0, 1, 2, 3) };
  const { rest, held } = split(set, 1, 7);
  const together = joined([rest, held]);
  expect(together.images).toBeInstanceOf(Float32Array);
  together.labels.forEach((label, index) => {
    expect(together.images.subarray(2 * index, 2 * index + 2)).toEqual(images.subarray(2 * label, 2 * label + 2));
  });
});

it('holds out a tenth where nobody says how much, and no more than the paper can spare', () => {
  expect([50_000, 60_000, 5200, 128, 19, 2].map(usualSplit)).toEqual([5000, 5000, 520, 12, 1, 1]);
});

describe('split', () => {
  it('puts every image into exactly one part', () => {
    const { rest, held } = split(numbered(50), 10, 3);
    expect(held.count).toBe(10);
    expect([...numbers(rest), ...numbers(held)].toSorted((a, b) => a - b)).toEqual(numbers(numbered(50)));
  });

  it('leaves both parts at least one image', () => {
    expect(() => split(numbered(5), 5, 1)).toThrow(
      'validation_split = 5: cannot hold out so many of 5 images; give a whole number from 1 to 4',
    );
    expect(() => split(numbered(1), 1, 1)).toThrow(
      'select = validation: there is one training image, and none to hold out',
    );
  });
});

it('says when images cannot be resident', () => {
  expect(() => emptyImageSet(1_300_000, 224, 224, 3)).toThrow('need 182.2 GiB');
});
