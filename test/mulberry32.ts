/** Uniform numbers in [0, 1) for tests, multiples of 2^-32, from the generator of the golden files. */
import { mulberry32 as words } from '../src/golden/mulberry32.js';

export function mulberry32(seed: number): () => number {
  const next = words(seed);
  return () => next() * 2 ** -32;
}
