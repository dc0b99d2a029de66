/** Devices that compute, and the precisions in which they do, by the words of the settings. */

export const devices = ['auto', 'cpu', 'gpu', 'reference'] as const;
export type Device = (typeof devices)[number];

export const matmulPrecisions = ['auto', 'float16', 'float16x2', 'float32'] as const;

/**
 * Precision of the operands of convolutions and their gradients; sums are always float32. `auto` rounds operands to 11
 * bits, as TF32 does; `float16` also stores results of convolutions and gradients that way between layers; `float16x2`
 * keeps about 21 bits of operands in two halves; `float32` does not use matrix units. Without matrix units all are
 * float32.
 */
export type MatmulPrecision = (typeof matmulPrecisions)[number];

export const shardPrecisions = ['float32', 'bfloat16'] as const;

/** Precision of the gradients of shards and of their mean; `float32` rounds nothing. */
export type ShardPrecision = (typeof shardPrecisions)[number];
