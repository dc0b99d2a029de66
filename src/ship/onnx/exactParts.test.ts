import { expect, it } from 'vitest';
import { boundedProduct } from '../bounds.js';
import { type Grid, type Product, pixelWindow } from '../integerNetwork.js';
import { exactParts, wholeFloats } from './exactParts.js';

/** A convolution of one pixel with 2 outputs, whose weights are ±`largest`. */
function product(inputs: number, grid: Grid, largest: number): Product {
  const input = { name: 'x', shape: [1, 1, inputs], grid, step: 1, bits: 8, usedChannels: inputs };
  const values = Int32Array.from({ length: 2 * inputs }, (_, index) => (index % 3 === 0 ? -largest : largest));
  const weights = {
    ...{ name: 'w', shape: [1, 1, inputs, 2], values, step: 1, channelExponents: null, bits: 8 },
    grid: { type: 'uniform', lo: -largest, hi: largest } as const,
  };
  return boundedProduct({ input, weights, factor: null, depthwise: false, groups: 1, window: pixelWindow });
}

const bytes: Grid = { type: 'uniform', lo: 0, hi: 255 };
it.each([
  ['few bits', product(100, bytes, 7), 1],
  ['many bits', product(4096, bytes, 127), 2],
  ['many products of few bits', product(4608, bytes, 15), 2],
  ['wide powers of two', product(100, { type: 'powers', signed: false, hi: 2 ** 16 }, 3), 2],
])('%s: every part has exact sums in float32, and the parts are the weights', (_, whole, count) => {
  const parts = exactParts(whole);
  expect(parts).toHaveLength(count);
  const { values } = whole.weights;
  const sums = values.map((_, at) => parts.reduce((sum, part) => sum + part.factor * part.values[at]!, 0));
  expect([...sums]).toEqual([...values]);
  for (const part of parts) {
    const magnitudes = part.values.map(Math.abs);
    const [largest] = [
      whole.input.grid.hi * magnitudes.reduce((sum, value, at) => sum + (at % 2 === 0 ? value : 0), 0),
    ];
    expect(largest).toBeLessThanOrEqual(wholeFloats);
  }
});
