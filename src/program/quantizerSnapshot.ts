/** The quantizers between two steps of a training. */

import type { Program } from '../engine/engine.js';
import { STORAGE, type Variables } from '../nn/index.js';
import { effectiveRange } from '../quant/index.js';
import { type Sizes, sizesOf } from './quantizerReport.js';

/** One number for each quantizer, or two consecutive ones, in the order of the network's quantizers. */
export interface QuantizerSnapshot {
  /** Bits. */
  readonly bits: readonly number[];
  /** Two each: the step d (uniform) or the smallest magnitude xmin (powers of two), and the range xmax. */
  readonly ranges: readonly number[];
  /** Two each: gradients of the whole loss to the learned values in the last step, summed over the elements. */
  readonly gradients: ArrayLike<number>;
  /** Two each: gradients after weight decay and limiting, as passed to the solver. */
  readonly limited: ArrayLike<number>;
  readonly sizes: Sizes;
}

/** Reads the quantizers from a training program; waits for the queued steps. */
export async function quantizerSnapshot(program: Program, variables: Variables): Promise<QuantizerSnapshot> {
  const { quantizers } = variables;
  // Without quantizers the storages hold one unused row.
  const length = 2 * quantizers.length;
  const names = [STORAGE.quantizers, STORAGE.quantizerGradients, STORAGE.quantizerLimited];
  const read = await Promise.all(length > 0 ? names.map((name) => program.read(name, 0, length)) : []);
  const [table = [], gradients = [], limited = []] = read;
  const ranges = quantizers.flatMap((quantizer, row) =>
    effectiveRange(quantizer, table[2 * row]!, table[2 * row + 1]!),
  );
  return { ranges, gradients, limited, ...sizesOf(variables, table) };
}
