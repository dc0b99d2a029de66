/** The quantizers between two steps: what a watcher of a training sees of them. */

import type { Program } from '../engine/engine.js';
import { STORAGE, type Variables } from '../nn/index.js';
import { effectiveRange } from '../quant/index.js';
import { type Sizes, sizesOf } from './quantizerReport.js';

/** One number a quantizer, or two one behind the other; in the order of the network's quantizers. */
export interface QuantizerSnapshot {
  /** Bits. */
  readonly bits: readonly number[];
  /** Two each: the step d (uniform) or the smallest magnitude xmin (powers of two), and the range xmax. */
  readonly ranges: readonly number[];
  /** Two each: gradients of the whole loss to the learned values, summed over the elements, in the last step. */
  readonly gradients: ArrayLike<number>;
  /** Two each: the same after weight decay and limiting, as the solver gets them. */
  readonly limited: ArrayLike<number>;
  readonly sizes: Sizes;
}

/** Reads the quantizers off a training program; waits for the steps under way. */
export async function quantizerSnapshot(program: Program, variables: Variables): Promise<QuantizerSnapshot> {
  const { quantizers } = variables;
  // Without a quantizer the storages hold one row that belongs to nobody.
  const length = 2 * quantizers.length;
  const names = [STORAGE.quantizers, STORAGE.quantizerGradients, STORAGE.quantizerLimited];
  const read = await Promise.all(length > 0 ? names.map((name) => program.read(name, 0, length)) : []);
  const [table = [], gradients = [], limited = []] = read;
  const ranges = quantizers.flatMap((quantizer, row) =>
    effectiveRange(quantizer, table[2 * row]!, table[2 * row + 1]!),
  );
  return { ranges, gradients, limited, ...sizesOf(variables, table) };
}
