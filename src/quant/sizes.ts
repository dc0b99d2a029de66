/**
 * Memory of a network in kB (1 kB = 1024 bytes): bits * count / 8192, summed over tensors that are in memory at the
 * same time. Tensors that are not quantized count 32 bits.
 *
 * Every size is that of the largest of some sets of tensors. All weights are one set. The activations of one image are
 * one set each (`max`), one set together (`sum`), or one set for every layer (`peak`: its inputs, its output, and
 * whatever later layers still need).
 */
import { floatBits, inferredBits } from './inferredBitwidth.js';
import type { Quantizer } from './quantizer.js';

/** Bits in a kB. */
export const bitsPerKbyte = 8192;

/** Tensors that are in memory at the same time. */
export interface TensorSet {
  /** Quantized tensors: row of the quantizer, and number of elements. */
  readonly members: readonly { readonly row: number; readonly count: number }[];
  /** Bits of the other tensors together. */
  readonly bits: number;
}

/** The ways to count activations together. */
export const activationTypes = ['max', 'sum', 'peak'] as const;
export type ActivationType = (typeof activationTypes)[number];

/** The tensors without a quantizer, and the sets of activations in memory at once. */
export interface Unquantized {
  /** Number of elements of all unquantized weights. */
  readonly weights: number;
  /** Number of elements of each unquantized activation, for one image. */
  readonly activations: readonly number[];
  /** Activations in memory at once, layer by layer; absent if no schedule is known, which makes the peak 0. */
  readonly live?: readonly TensorSet[];
}

/** The sets of tensors behind every size. */
export type MemorySets = Readonly<Record<'weights' | ActivationType, readonly TensorSet[]>>;

/** Sizes of a network with the current values of its quantizers. */
export interface TableSizes {
  readonly weightKbytes: number;
  readonly activationMaxKbytes: number;
  readonly activationSumKbytes: number;
  readonly activationPeakKbytes: number;
  /** Bits of every quantizer, by row. */
  readonly bits: readonly number[];
}

/** Sizes of a network. `table` holds (p0, p1) of row i at 2i and 2i + 1. */
export function tableSizes(rows: readonly Quantizer[], table: ArrayLike<number>, unquantized: Unquantized): TableSizes {
  const sets = memorySets(rows, unquantized);
  const bits = tableBits(rows, table);
  const kbytes = (name: keyof MemorySets) => largestSet(sets[name], bits).kbytes;
  return {
    weightKbytes: kbytes('weights'),
    activationMaxKbytes: kbytes('max'),
    activationSumKbytes: kbytes('sum'),
    activationPeakKbytes: kbytes('peak'),
    bits,
  };
}

/** Bits of every quantizer, by row. */
export function tableBits(rows: readonly Quantizer[], table: ArrayLike<number>): number[] {
  return rows.map((q, row) => inferredBits(q, table[2 * row]!, table[2 * row + 1]!));
}

/** The sets behind every size. Quantized tensors come before others, so that they are the first of equal maxima. */
export function memorySets(rows: readonly Quantizer[], unquantized: Unquantized): MemorySets {
  const members = (isActivation: boolean) =>
    rows.flatMap(({ role, count, counts = [count] }, row) =>
      (role === 'activation') === isActivation ? counts.map((count) => ({ row, count })) : [],
    );
  const activations = members(true);
  const floats = unquantized.activations.map((count) => count * floatBits);
  return {
    weights: [{ members: members(false), bits: unquantized.weights * floatBits }],
    max: [
      ...activations.map((member) => ({ members: [member], bits: 0 })),
      ...floats.map((bits) => ({ members: [], bits })),
    ],
    sum: [{ members: activations, bits: floats.reduce((sum, bits) => sum + bits, 0) }],
    peak: unquantized.live ?? [],
  };
}

/** Bits of a set whose quantizers have these bits. */
export function setBits(set: TensorSet, bits: readonly number[]): number {
  return set.members.reduce((sum, { row, count }) => sum + bits[row]! * count, set.bits);
}

/** The largest set, the first of equal ones, and its size; an empty one of size 0 if there is none. */
export function largestSet(sets: readonly TensorSet[], bits: readonly number[]): { set: TensorSet; kbytes: number } {
  let largest: TensorSet = { members: [], bits: 0 };
  let size = 0;
  for (const set of sets) {
    const own = setBits(set, bits);
    if (own <= size) continue;
    largest = set;
    size = own;
  }
  return { set: largest, kbytes: size / bitsPerKbyte };
}
