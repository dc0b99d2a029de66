/** How precise the operands of convolutions are; only a GPU's matrix units leave a choice. */

export const matmulPrecisions = ['auto', 'float16', 'float16x2', 'float32'] as const;

/**
 * Precision of the operands of convolutions and their gradients; sums are float32 always. `float16` rounds them to 11
 * bits, as TF32 does, `float16x2` keeps about 21 bits in two halves, `float32` does without matrix units. `auto` is
 * float16 on matrix units; all are float32 where there are none.
 */
export type MatmulPrecision = (typeof matmulPrecisions)[number];

/** For the description of an engine without matrix units, where somebody asked for what only they offer. */
export function withoutEffect(asked: MatmulPrecision): string {
  return asked === 'float16' || asked === 'float16x2' ? ` (matmul_precision = ${asked} has no effect)` : '';
}
