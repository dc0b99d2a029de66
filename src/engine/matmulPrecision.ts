/** How precise the operands of convolutions are; only a GPU's matrix units leave a choice. */

export const matmulPrecisions = ['auto', 'float16', 'float16x2', 'float32'] as const;

/**
 * Precision of the operands of convolutions and their gradients; sums are float32 always. `auto` rounds them to 11 bits, as
 * TF32 does, `float16` also keeps results of convolutions and gradients between layers so, `float16x2` keeps about 21
 * bits of operands in two halves, `float32` does without matrix units. All are float32 where there are none.
 */
export type MatmulPrecision = (typeof matmulPrecisions)[number];

/** For the description of an engine without matrix units, where somebody asked for what only they offer. */
export function withoutEffect(asked: MatmulPrecision): string {
  return asked === 'float16' || asked === 'float16x2' ? ` (matmul_precision = ${asked} has no effect)` : '';
}
