/** Sums and means of vectors in one fixed order, independent of who computes which part. */

import type { HostVector } from '../engine/engine.js';
import { floatsOf, rounded, widened } from './bfloat16.js';
import { divide } from './divide.js';

/** A vector of an engine's numbers: 64 bits on the reference engine, 32 on all others. */
export type FloatVector = Float64Array | Float32Array;

/**
 * Sums 2^n vectors of one length by a binary tree: ((v0 + v1) + (v2 + v3)) + …, each sum rounded to the vectors' type.
 * So one process with the first half and one with the second get the same bits by adding their two sums as a process
 * with all of them. Holds one vector for each level of the tree.
 */
export class TreeSum {
  readonly #levels: FloatVector[] = [];
  #count = 0;

  /** Adds the next vector; floats are given away by the caller, words of rounded numbers stay as they are. */
  add(vector: HostVector): void {
    let sum = vector;
    // The trailing ones of the index in binary count the complete levels: those of its left neighbours.
    for (let done = this.#count; done % 2 === 1; done = (done - 1) / 2) sum = add(this.#levels.pop()!, sum);
    this.#levels.push(floatsOf(sum));
    this.#count++;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** The sum of all vectors; their number must be a power of two. */
  get total(): FloatVector {
    return this.#levels[0]!;
  }
}

/**
 * Adds the second vector to the first. Four elements at a time, since V8 does not unroll: half a million take 0.43 ms
 * instead of 0.72, which is most of the time of an exchange between ranks.
 */
function add(into: FloatVector, other: HostVector): FloatVector {
  if (other instanceof Int32Array) return addWords(into, other);
  const { length } = into;
  let i = 0;
  for (; i < length - 3; i += 4) {
    into[i] = into[i]! + other[i]!;
    into[i + 1] = into[i + 1]! + other[i + 1]!;
    into[i + 2] = into[i + 2]! + other[i + 2]!;
    into[i + 3] = into[i + 3]! + other[i + 3]!;
  }
  for (; i < length; i++) into[i] = into[i]! + other[i]!;
  return into;
}

/** Words that are widened at a time: a long vector of floats would be garbage in each step. */
const CHUNK = 2 ** 14;

function addWords(into: FloatVector, words: Int32Array): FloatVector {
  const wide = new Float32Array(2 * Math.min(CHUNK, words.length));
  for (let begin = 0; begin < words.length; begin += CHUNK) {
    const some = words.subarray(begin, begin + CHUNK);
    const numbers = widened(some, wide.subarray(0, 2 * some.length));
    add(into.subarray(2 * begin, 2 * begin + numbers.length), numbers);
  }
  return into;
}

/**
 * The mean of vectors of one type, which the caller gives away: their sum by the tree, divided by a power of two. Words of
 * rounded numbers are summed in float32, and their mean is rounded.
 */
export function treeMean(vectors: readonly HostVector[], count: number): HostVector {
  const tree = new TreeSum();
  for (const vector of vectors) tree.add(vector);
  const mean = divide(tree.total, count);
  return vectors[0] instanceof Int32Array ? rounded(mean) : mean;
}
