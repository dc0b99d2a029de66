/**
 * Sensitivity of a trained network to the bits of each tensor: the loss with one tensor at other bits and all others
 * unchanged. From these losses the greedy allocation of a guaranteed budget computes other bits of the same size, as a
 * second opinion on the learned ones.
 *
 * Nothing is trained: a tensor with other bits takes the values that a budget would give it.
 */

import type { Images } from '../data/index.js';
import { STORAGE } from '../nn/index.js';
import type { Inference } from '../program/inference.js';
import { tensorOf } from '../program/quantizerReport.js';
import {
  bitsPerKbyte,
  giveBits,
  type Limit,
  largestBits,
  largestSet,
  type MemorySets,
  memoryLimit,
  memorySets,
  type Quantizer,
  smallestBits,
  type TensorSet,
  tableBits,
  takeBits,
} from '../quant/index.js';
import { type Refits, refits } from '../train/refits.js';

/** Mean loss over the images, and the error by the task's metric. */
export interface Measured {
  readonly loss: number;
  readonly error: number;
}

export interface TensorSensitivity {
  readonly tensor: string;
  readonly role: Quantizer['role'];
  /** Learned bits. */
  readonly bits: number;
  readonly kbytesPerBit: number;
  /** Results with other bits, from the fewest; without those that its limits do not allow. */
  readonly others: readonly ({ readonly bits: number } & Measured)[];
}

export interface Sensitivity {
  readonly images: number;
  /** Result with the learned bits. */
  readonly learned: Measured;
  /** In the network's order. */
  readonly tensors: readonly TensorSensitivity[];
  readonly opinion: Opinion;
}

/** Bits preferred by the measured losses, at no larger sizes. */
export interface Opinion extends Measured {
  /** Bits by tensor, in the order of the sensitivities. */
  readonly bits: readonly number[];
}

/** Numbers of bits less and more that are measured. */
export interface Reach {
  readonly fewer: number;
  readonly more: number;
}

/** Measures on labelled images; the network is not changed. `null` if none of its quantizers can have other bits. */
export async function measureSensitivity(
  inference: Inference,
  images: Images,
  { fewer, more }: Reach,
  onProgress: (done: number, total: number) => void,
): Promise<Sensitivity | null> {
  const { program, variables } = inference;
  const { quantizers, unquantized } = variables.counted;
  const table = Float64Array.from(quantizers.length ? await program.read(STORAGE.quantizers) : []);
  const refit = refits(variables, table, await program.read(STORAGE.parameters));
  const bits = tableBits(quantizers, table);
  const candidates = quantizers.map((quantizer, row) => {
    const least = Math.max(smallestBits(quantizer), bits[row]! - fewer);
    const most = Math.min(largestBits(quantizer), bits[row]! + more);
    return range(least, most).filter((count) => count !== bits[row]);
  });
  if (candidates.flat().length === 0) return null;
  const total = candidates.flat().length + 2;
  let done = 0;
  const measure = async (of: readonly number[]): Promise<Measured> => {
    onProgress(done, total);
    program.write(STORAGE.quantizers, tableWith(table, bits, of, refit));
    const { loss, error } = await inference.evaluate(images);
    onProgress(++done, total);
    return { loss, error };
  };
  try {
    const learned = await measure(bits);
    const tensors: TensorSensitivity[] = [];
    for (const [row, { name, role, count }] of quantizers.entries()) {
      const others: TensorSensitivity['others'][number][] = [];
      for (const other of candidates[row]!) others.push({ bits: other, ...(await measure(bits.with(row, other))) });
      const kbytesPerBit = count / bitsPerKbyte;
      tensors.push({ ...{ tensor: tensorOf(name), role, bits: bits[row]!, kbytesPerBit, others } });
    }
    const preferred = preferredBits(tensors, learned.loss, sizeLimits(memorySets(quantizers, unquantized), bits));
    return { images: images.count, learned, tensors, opinion: { bits: preferred, ...(await measure(preferred)) } };
  } finally {
    program.write(STORAGE.quantizers, table);
  }
}

/** Limits at the sizes with these bits. */
export function sizeLimits(sets: MemorySets, bits: readonly number[]): Limit[] {
  return Object.values<readonly TensorSet[]>(sets).map((of) => memoryLimit(of, largestSet(of, bits).kbytes));
}

/** The allocation within the limits with a small sum of measured losses; only measured bits are used. */
export function preferredBits(
  tensors: readonly TensorSensitivity[],
  learnedLoss: number,
  limits: readonly Limit[],
): number[] {
  const losses = tensors.map(
    ({ bits, others }) => new Map([[bits, learnedLoss], ...others.map((other) => [other.bits, other.loss] as const)]),
  );
  const smallest = losses.map((of) => Math.min(...of.keys()));
  const largest = losses.map((of) => Math.max(...of.keys()));
  const loss = (row: number, bits: number) => losses[row]!.get(bits)!;
  const best = losses.map((of) => [...of].reduce((one, other) => (other[1] < one[1] ? other : one))[0]);
  return giveBits(takeBits(best, limits, smallest, loss), limits, largest, loss);
}

/** The table with new values for the rows whose bits differ. */
function tableWith(
  table: Float64Array,
  bits: readonly number[],
  wanted: readonly number[],
  refit: Refits,
): Float64Array {
  const changed = Float64Array.from(table);
  for (const [row, count] of wanted.entries()) {
    if (count !== bits[row]) changed.set(refit(row, count).values, 2 * row);
  }
  return changed;
}

function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => first + at);
}
