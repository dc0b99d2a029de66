/** Precision of the operands of convolutions; only matrix units of GPUs have a choice. */

export const matmulPrecisions = ['auto', 'float16', 'float16x2', 'float32'] as const;

/**
 * Precision of the operands of convolutions and their gradients; sums are always float32. `auto` rounds operands to 11
 * bits, as TF32 does; `float16` also stores results of convolutions and gradients that way between layers; `float16x2`
 * keeps about 21 bits of operands in two halves; `float32` does not use matrix units. Without matrix units all are
 * float32.
 */
export type MatmulPrecision = (typeof matmulPrecisions)[number];

/** Words for the description of an engine without matrix units, if a precision that needs them was asked for. */
export function withoutEffect(asked: MatmulPrecision): string {
  return asked === 'float16' || asked === 'float16x2' ? ` (matmul_precision = ${asked} has no effect)` : '';
}
