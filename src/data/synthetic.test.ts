import { describe, expect, it } from 'vitest';
import type { ImageSet } from './imageSet.js';
import { generateSynthetic } from './synthetic.js';

const pixels = 32 * 32 * 3;

describe('generateSynthetic', () => {
  it('depends on the seed alone', () => {
    const first = generateSynthetic(1, 10);
    expect(generateSynthetic(1, 10)).toEqual(first);
    expect(generateSynthetic(2, 10).train.images).not.toEqual(first.train.images);
    expect(first.test.images).not.toEqual(first.train.images.subarray(0, first.test.images.length));
  });

  it('has ten balanced classes and a fifth as many test images', () => {
    const { classes, train, test } = generateSynthetic(1, 100);
    expect(new Set(classes).size).toBe(10);
    expect([train.count, test.count]).toEqual([100, 20]);
    for (let label = 0; label < 10; label++) expect(train.labels.filter((found) => found === label)).toHaveLength(10);
    expect(generateSynthetic(1, 1).test.count).toBe(1);
  });

  it('defeats a linear classifier', () => {
    const { train, test } = generateSynthetic(3, 2000);
    expect(linearAccuracy(train, test)).toBeLessThan(0.4);
  });

  it('shows its orientations to two small filters', () => {
    const { train } = generateSynthetic(4, 1000);
    let right = 0;
    for (let image = 0; image < train.count; image++) {
      const bytes = train.images.subarray(image * pixels, (image + 1) * pixels);
      right += orientationOf(bytes) === train.labels[image]! % 5 ? 1 : 0;
    }
    expect(right / train.count).toBeGreaterThan(0.6);
  });
});

/** Softmax regression on pixels scaled to [-1, 1], three epochs of plain gradient steps. */
function linearAccuracy(train: ImageSet, test: ImageSet): number {
  const weights = Array.from({ length: 10 }, () => new Float32Array(pixels));
  const scaled = ({ images }: ImageSet, image: number) =>
    new Float32Array(images.subarray(image * pixels, (image + 1) * pixels)).map((byte) => byte / 127.5 - 1);
  const scores = (x: Float32Array) =>
    weights.map((row) => {
      let sum = 0;
      for (let p = 0; p < pixels; p++) sum += row[p]! * x[p]!;
      return sum;
    });
  for (let step = 0; step < 3 * train.count; step++) {
    const image = step % train.count;
    const x = scaled(train, image);
    const powers = scores(x).map((score) => Math.exp(Math.min(score, 50)));
    const sum = powers.reduce((total, power) => total + power, 0);
    for (const [label, row] of weights.entries()) {
      const slope = 3e-4 * (powers[label]! / sum - (label === train.labels[image] ? 1 : 0));
      for (let p = 0; p < pixels; p++) row[p]! -= slope * x[p]!;
    }
  }
  let right = 0;
  for (let image = 0; image < test.count; image++) {
    const found = scores(scaled(test, image));
    right += found.indexOf(Math.max(...found)) === test.labels[image] ? 1 : 0;
  }
  return right / test.count;
}

/** The mean direction of the gradients (two central differences, squared and pooled), as the nearest of the five. */
function orientationOf(bytes: Uint8Array): number {
  let even = 0;
  let odd = 0;
  for (let y = 1; y < 31; y++) {
    for (let x = 1; x < 31; x++) {
      for (let channel = 0; channel < 3; channel++) {
        const at = (row: number, column: number) => bytes[(row * 32 + column) * 3 + channel]!;
        const dx = at(y, x + 1) - at(y, x - 1);
        const dy = at(y + 1, x) - at(y - 1, x);
        even += dx * dx - dy * dy;
        odd += 2 * dx * dy;
      }
    }
  }
  const halfTurns = Math.atan2(odd, even) / (2 * Math.PI);
  return (Math.round(halfTurns * 5) + 5) % 5;
}
