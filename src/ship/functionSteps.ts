/**
 * A rounded function of a sum as a table: the numbers at which its output changes, exact to the last bit of a double. A
 * sigmoid only rises; hard-swish and SiLU fall first, so their tables fall and then rise.
 */

import type { ActivationFunction } from '../ops/attributes.js';

/** A quantized function as a staircase over all numbers. */
export interface FunctionSteps {
  /** The output of the least numbers. */
  readonly first: number;
  /** From the number `from`, in ascending order, the output is `value`. */
  readonly changes: readonly { readonly from: number; readonly value: number }[];
}

/** The number at which a function turns from falling to rising; null if it only rises. */
const turns: Readonly<Record<ActivationFunction, number | null>> = {
  relu: null,
  relu6: null,
  sigmoid: null,
  hardSigmoid: null,
  hardSwish: -1.5,
  /** The root of 1 + z·(1 − sigmoid(z)). */
  silu: -1.278464542761074,
};

/**
 * The steps of a rounded function from −reach to reach; outside it is constant.
 *
 * @param output the function with its quantizer: an integer
 */
export function functionSteps(type: ActivationFunction, reach: number, output: (z: number) => number): FunctionSteps {
  const turn = turns[type];
  const ends = turn === null ? [-reach, reach] : [-reach, turn, reach];
  const changes: { from: number; value: number }[] = [];
  for (const [index, end] of ends.slice(1).entries()) appendChanges(ends[index]!, end, output, changes);
  return { first: output(-reach), changes };
}

/** Appends the changes between two numbers between which the function is monotone. */
function appendChanges(
  low: number,
  high: number,
  output: (z: number) => number,
  changes: { from: number; value: number }[],
): void {
  const value = output(high);
  if (output(low) === value) return;
  const middle = low + (high - low) / 2;
  if (middle <= low || middle >= high) {
    changes.push({ from: high, value });
    return;
  }
  appendChanges(low, middle, output, changes);
  appendChanges(middle, high, output, changes);
}
