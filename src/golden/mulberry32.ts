/** Initial values of golden files, drawn with mulberry32 for tensors too large to write down. */

import { z } from 'zod';

/** The values of a tensor: one number, or uniform random numbers in center ± half_width. */
export const initialValues = z.discriminatedUnion('type', [
  z.object({ type: z.literal('value'), value: z.number() }),
  z.object({ type: z.literal('mulberry32'), seed: z.number(), center: z.number(), half_width: z.number() }),
]);

/** The generator: uint32 numbers. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** `count` float32 values in row-major order. */
export function drawValues(initial: z.output<typeof initialValues>, count: number): Float64Array {
  if (initial.type === 'value') return new Float64Array(count).fill(initial.value);
  const next = mulberry32(initial.seed);
  const { center, half_width } = initial;
  return new Float64Array(count).map(() => Math.fround(center + half_width * (2 * (next() / 2 ** 32) - 1)));
}
