/** The integers by which C requantizes a layer, as short as the bounds of the layer's sums allow. */

import { InputError } from '../../errors.js';
import { type ConvolvingLayer, leastOf, type Requantization } from '../integerNetwork.js';
import type { View } from './plan.js';

/**
 * `narrow`: the sum Σ M·a + b has 32 bits; `high`: it has 64, and its upper word suffices; `wide`: it has 64; `table`:
 * it is compared with thresholds of 64 bits; `logits`: the sum is the output.
 */
export type Requantizer = 'narrow' | 'high' | 'wide' | 'table' | 'logits';

/** A requantization with its C function and the constants that this one takes. */
export interface PlannedRequantization {
  readonly requantizer: Requantizer;
  readonly multipliers: readonly Int32Array[];
  /**
   * Biases with an offset by which shifted sums are not negative, since C leaves right shifts of negative numbers to
   * the compiler.
   */
  readonly biases: readonly bigint[];
  /** The shift in `high`, applied to the upper word. */
  readonly shifts: readonly number[];
  /** The least integer of the output plus the offsets, before clipping. */
  readonly least: number;
}

interface Range {
  readonly lo: bigint;
  readonly hi: bigint;
}

const none: Range = { lo: 0n, hi: 0n };

/**
 * Plans the requantization of a layer whose addend is read as `addend`.
 *
 * @throws InputError if 64 bits are too few, or 32 for a shifted sum
 */
export function plannedRequantization(layer: ConvolvingLayer, addend: View | null): PlannedRequantization {
  if (layer.op === 'outputs') {
    const { multipliers, biases } = layer.requantization;
    return { requantizer: 'logits', multipliers, biases: [...biases], shifts: [], least: 0 };
  }
  const candidates = layer.requantization.table
    ? [withTable]
    : layer.products.length === 1
      ? [narrow, high, wide]
      : [wide];
  for (const candidate of candidates) {
    const planned = candidate(layer, addend);
    if (planned) return planned;
  }
  throw new InputError(
    `${layer.name}: its sums exceed 64 bits, or 32 in steps of its output or shortcut, which C has no integers for; train it ` +
      'with fewer bits or larger steps',
  );
}

const narrow = withShifts('narrow', 32n, 0);
const high = withShifts('high', 64n, 32);
const wide = withShifts('wide', 64n, 0);

/**
 * A requantizer that shifts sums of `sumBits` bits by at least `dropped`. The shifted sum, an unsigned integer of 32
 * bits, has an offset of some output integers, less the difference between the addend's codes and integers. Null if the
 * integers are too short for a layer.
 */
function withShifts(requantizer: Requantizer, sumBits: bigint, dropped: number) {
  return (layer: ConvolvingLayer, addend: View | null): PlannedRequantization | null => {
    const { addendShift, outputShift } = layer.requantization;
    const { multipliers, biases, shifts } = raisedTo(layer.requantization, dropped);
    const steps = [addendShift, outputShift, ...shifts.map((shift) => shift - dropped)];
    const longest = requantizer === 'wide' ? 64 : 32;
    if (steps.some((shift) => shift >= longest) || multipliers.flat().some((value) => value !== (value | 0)))
      return null;

    const { lo: least, hi: most } = addendRange(layer);
    const zero = addend && !addend.coding.powers ? BigInt(addend.coding.zero) : 0n;
    const toUnits = (value: bigint) => value << BigInt(addendShift);
    const channels = biases.map((bias, channel) => {
      const range = { ...sumRange(layer, multipliers, bias, channel), shift: BigInt(shifts[channel]!) };
      if (!addend || channel >= addend.channels) return { ...range, down: 0n, addends: none };
      return { ...range, down: toUnits(zero), addends: { lo: toUnits(least + zero), hi: toUnits(most + zero) } };
    });
    const needed = channels.map(({ lo, shift, down, addends }) => down - (lo >> shift) - lesser(addends.lo, 0n));
    const roundedUp = (value: bigint) => -(-value >> BigInt(outputShift));
    const up = [-BigInt(leastOf(layer.output.grid)), ...needed.map(roundedUp)].reduce(greater);
    const moves = channels.map(({ down, shift }) => ((up << BigInt(outputShift)) - down) << shift);
    const fits =
      isBelow(up + BigInt(layer.output.grid.hi), 32n) &&
      channels.every(({ hi, shift, addends }, channel) => {
        const sum = hi + moves[channel]!;
        return isBelow(sum, sumBits) && isBelow((sum >> shift) + addends.hi, 32n);
      });
    if (!fits) return null;
    return {
      ...{ requantizer, least: Number(up) + leastOf(layer.output.grid) },
      multipliers: multipliers.map((values) => Int32Array.from(values)),
      biases: biases.map((bias, channel) => BigInt.asUintN(Number(sumBits), bias + moves[channel]!)),
      shifts: shifts.map((shift) => shift - dropped),
    };
  };
}

/** The same staircase with shifts of at least so many bits. */
function raisedTo({ multipliers, biases, shifts }: Requantization, bits: number) {
  const raise = Array.from(shifts, (shift) => Math.max(0, bits - shift));
  return {
    multipliers: multipliers.map((values) => Array.from(values, (value, channel) => value * 2 ** raise[channel]!)),
    biases: Array.from(biases, (value, channel) => value << BigInt(raise[channel]!)),
    shifts: Array.from(shifts, (shift, channel) => shift + raise[channel]!),
  };
}

/** A requantizer that compares sums with thresholds; null if 64 bits do not hold them. */
function withTable(layer: ConvolvingLayer): PlannedRequantization | null {
  const { multipliers, shifts, biases, addendShift } = layer.requantization;
  const addends = addendRange(layer);
  const isSigned = (value: bigint) => BigInt.asIntN(64, value) === value;
  const factors = multipliers.map((values) => [...values]);
  const fits = biases.every((bias, channel) => {
    const unit = BigInt(shifts[channel]! + addendShift);
    const { lo, hi } = sumRange(layer, factors, bias, channel);
    return unit < 63n && isSigned(lo + (addends.lo << unit)) && isSigned(hi + (addends.hi << unit));
  });
  return fits ? { requantizer: 'table', multipliers, biases: [...biases], shifts: [...shifts], least: 0 } : null;
}

/** The least and the largest Σ M·a + b of a channel. */
function sumRange(
  { products }: ConvolvingLayer,
  multipliers: readonly (readonly number[])[],
  bias: bigint,
  channel: number,
): Range {
  let [lo, hi] = [bias, bias];
  for (const [index, product] of products.entries()) {
    const multiplier = BigInt(multipliers[index]![channel]!);
    const ends = [multiplier * BigInt(product.lo[channel]!), multiplier * BigInt(product.hi[channel]!)] as const;
    lo += lesser(...ends);
    hi += greater(...ends);
  }
  return { lo, hi };
}

/** The range of the addend; 0 without one. */
function addendRange({ addend }: ConvolvingLayer): Range {
  return addend ? { lo: BigInt(leastOf(addend.grid)), hi: BigInt(addend.grid.hi) } : none;
}

function isBelow(value: bigint, bits: bigint): boolean {
  return value >= 0n && value < 1n << bits;
}

function lesser(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function greater(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
