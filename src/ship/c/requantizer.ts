/** How wide the integers of a requantization are, from the sums that its layer can reach. */

import { InputError } from '../../errors.js';
import { type ConvolutionLayer, leastOf } from '../integerNetwork.js';

/**
 * `narrow`: 32 bits hold every step from an accumulator to its output; `wide`: 64 bits do; `powers`: comparison with
 * thresholds of 64 bits.
 */
export type Requantizer = 'narrow' | 'wide' | 'powers';

interface Range {
  readonly lo: bigint;
  readonly hi: bigint;
}

/**
 * The requantizer of a layer.
 *
 * @throws InputError if 64 bits are too few
 */
export function requantizerOf(layer: ConvolutionLayer): Requantizer {
  if (layer.requantization.thresholds) {
    if (thresholdSumsFit(layer)) return 'powers';
  } else {
    if (layer.products.length === 1 && shiftedSumsFit(layer, 32n)) return 'narrow';
    if (shiftedSumsFit(layer, 64n)) return 'wide';
  }
  throw new InputError(`${layer.name}: its sums exceed 64 bits, which C has no integers for; train it with fewer bits`);
}

/**
 * C shifts non-negative numbers only, so Σ M·a + b is moved up by 2^(width − 1) before its shift, and what comes out is
 * compared with bounds moved up likewise. Whether nothing leaves an unsigned integer of that width on the way.
 */
function shiftedSumsFit(layer: ConvolutionLayer, width: bigint): boolean {
  const { shifts, biases, addendShift, outputShift } = layer.requantization;
  const half = 2n ** (width - 1n);
  const fits = (value: bigint) => value >= 0n && value < 2n * half;
  const isSigned = (value: bigint) => value >= -half && value < half;
  const { grid } = layer.output;
  const addends = addendRange(layer);
  return biases.every((bias, channel) => {
    const shift = BigInt(shifts[channel]!);
    const { lo, hi } = sumRange(layer, channel);
    if (!isSigned(bias) || !isSigned(lo) || !isSigned(hi)) return false;
    if (shift + BigInt(outputShift) >= width || BigInt(addendShift) >= width) return false;
    const origin = (half >> shift) >> BigInt(outputShift);
    return (
      fits(((lo + half) >> shift) + (addends.lo << BigInt(addendShift))) &&
      fits(((hi + half) >> shift) + (addends.hi << BigInt(addendShift))) &&
      fits(origin + BigInt(leastOf(grid))) &&
      fits(origin + BigInt(grid.hi))
    );
  });
}

function thresholdSumsFit(layer: ConvolutionLayer): boolean {
  const { shifts, biases, addendShift } = layer.requantization;
  const addends = addendRange(layer);
  const isSigned = (value: bigint) => BigInt.asIntN(64, value) === value;
  return biases.every((_, channel) => {
    const unit = BigInt(shifts[channel]! + addendShift);
    const { lo, hi } = sumRange(layer, channel);
    return unit < 63n && isSigned(lo + (addends.lo << unit)) && isSigned(hi + (addends.hi << unit));
  });
}

/** The least and the largest Σ M·a + b of a channel. */
function sumRange({ products, requantization }: ConvolutionLayer, channel: number): Range {
  let [lo, hi] = [requantization.biases[channel]!, requantization.biases[channel]!];
  for (const [index, product] of products.entries()) {
    const multiplier = BigInt(requantization.multipliers[index]![channel]!);
    const ends = [multiplier * BigInt(product.lo[channel]!), multiplier * BigInt(product.hi[channel]!)] as const;
    lo += ends[0] < ends[1] ? ends[0] : ends[1];
    hi += ends[0] < ends[1] ? ends[1] : ends[0];
  }
  return { lo, hi };
}

/** The range of the addend; 0 where there is none. */
function addendRange({ addend }: ConvolutionLayer): Range {
  return addend ? { lo: BigInt(leastOf(addend.grid)), hi: BigInt(addend.grid.hi) } : { lo: 0n, hi: 0n };
}
