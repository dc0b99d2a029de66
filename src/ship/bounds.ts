/** Bounds of a layer's sums, from its actual weights and the integers that its input can hold. */

import { InputError } from '../errors.js';
import {
  bitLength,
  type ClassifierLayer,
  largestSum,
  leastOf,
  type OutputLayer,
  type Product,
} from './integerNetwork.js';

interface Interval {
  readonly lo: number;
  readonly hi: number;
}

/** A product with the bounds of its accumulators; padding gives zeros. */
export function boundedProduct(product: Omit<Product, 'lo' | 'hi'>): Product {
  const { input, weights, factor, depthwise, groups, window } = product;
  const isPadded = [window.rows, window.columns].some(({ before, after }) => before > 0 || after > 0);
  const channels = weights.shape.at(-1)!;
  const inputs = input.shape.at(-1)! / groups;
  const factors = factor ? [leastOf(factor.grid), factor.grid.hi] : [1];
  const corners = factors.flatMap((each) => [each * leastOf(input.grid), each * input.grid.hi]);
  const [least, most] = [Math.min(...corners), Math.max(...corners)];
  const lo = new Array<number>(channels).fill(0);
  const hi = new Array<number>(channels).fill(0);
  weights.values.forEach((weight, index) => {
    const channel = index % channels;
    const group = Math.floor((channel * groups) / channels);
    const source = depthwise ? channel : group * inputs + (Math.floor(index / channels) % inputs);
    if (source >= input.usedChannels) return;
    const ends = [weight * least, weight * most, ...(isPadded ? [0] : [])];
    lo[channel]! += Math.min(...ends);
    hi[channel]! += Math.max(...ends);
  });
  return { ...product, lo, hi };
}

/** @throws InputError with a remedy for sums beyond 32 bits */
export function demandAccumulator({ weights, lo, hi }: Pick<Product, 'weights' | 'lo' | 'hi'>): void {
  const worst = Math.max(...hi, ...lo.map((least) => -least));
  if (worst <= largestSum) return;
  throw new InputError(
    `${weights.name}: sums reach ${worst}, ${bitLength(worst) + 1} bits, a device's accumulator has 32; train it with ` +
      'fewer bits or, where values are powers of two, a narrower range (w_xmin_min, a_xmin_min)',
  );
}

/** The classifier with the bounds of its sums and of its logits. */
export function boundedClassifier(layer: Omit<ClassifierLayer, 'sums' | 'logits'>): ClassifierLayer {
  const { input, weights, bias, shifts, biasFactor, biasShift } = layer;
  const outputs = weights.shape[1]!;
  const [least, most] = [leastOf(input.grid), input.grid.hi];
  const sums = Array.from({ length: outputs }, () => ({ lo: 0, hi: 0 }));
  weights.values.forEach((weight, index) => {
    const sum = sums[index % outputs]!;
    sum.lo += Math.min(weight * least, weight * most);
    sum.hi += Math.max(weight * least, weight * most);
  });
  const logits = sums.map(({ lo, hi }, output): Interval => {
    const offset = bias.values[output]! * biasFactor * 2 ** biasShift;
    const scale = 2 ** shifts[output]!;
    return { lo: lo * scale + offset, hi: hi * scale + offset };
  });
  return { ...layer, sums: hull(sums), logits: hull(logits) };
}

/** The layer of outputs [H, W, C] in a unit, with the bounds of its numbers. */
export function boundedOutputs(
  layer: Omit<OutputLayer, 'op' | 'output'>,
  shape: readonly number[],
  unit: number,
): OutputLayer {
  const { name, products, addend } = layer;
  const { multipliers, biases, addendShift } = layer.requantization;
  const bounds = Array.from(biases, (bias, channel) => {
    const ends = products.map(({ lo, hi }, term) => {
      const multiplier = multipliers[term]![channel]!;
      return [multiplier * lo[channel]!, multiplier * hi[channel]!];
    });
    if (addend) ends.push([leastOf(addend.grid) * 2 ** addendShift, addend.grid.hi * 2 ** addendShift]);
    return {
      lo: ends.reduce((sum, pair) => sum + Math.min(...pair), Number(bias)),
      hi: ends.reduce((sum, pair) => sum + Math.max(...pair), Number(bias)),
    };
  });
  const grid = { type: 'uniform', ...hull([{ lo: 0, hi: 0 }, ...bounds]) } as const;
  return { ...layer, op: 'outputs', output: { name, shape, grid, step: unit, bits: 64, usedChannels: shape[2]! } };
}

function hull(intervals: readonly Interval[]): Interval {
  return { lo: Math.min(...intervals.map(({ lo }) => lo)), hi: Math.max(...intervals.map(({ hi }) => hi)) };
}
