/** Trained weights as integers. */

import { elementQuantizers, type QuantizerCore } from '../quant/index.js';
import { wholeMultiple } from './grids.js';
import type { Grid, IntegerWeights } from './integerNetwork.js';

/** The quantizer of a weight tensor. */
interface WeightQuantization {
  readonly core: QuantizerCore;
  /** The step e0, and e1. */
  readonly range: readonly [e0: number, e1: number];
  readonly grid: Grid;
  /** A factor of the range for each output channel, a power of two; null for none. */
  readonly scales: readonly number[] | null;
  /** Bits of a weight in memory. */
  readonly bits: number;
}

/** The quantized values of a parameter with a shape, whose last axis are its output channels, in steps. */
export function integerWeights(
  { name, values }: { readonly name: string; readonly values: Float64Array },
  shape: readonly number[],
  { core, range: [e0, e1], grid, scales, bits }: WeightQuantization,
): IntegerWeights {
  const channels = shape.at(-1)!;
  const { value } = elementQuantizers[core];
  const integers = Int32Array.from(values, (weight, index) => {
    const scale = scales ? scales[index % channels]! : 1;
    return wholeMultiple(value(true, scale * e0, scale * e1, weight), scale * e0, name);
  });
  const channelExponents = scales && Int8Array.from(scales, Math.log2);
  return { name, shape, values: integers, grid, step: e0, channelExponents, bits };
}
