/** Means of words of two rounded numbers by WebAssembly: the bits of `treeMean`, in a quarter of its time. */

import { kernels } from './kernelBytes.js';

/** Words of each vector that are summed at a time: few enough for the cache of a core. */
const CHUNK = 2 ** 13;

interface Kernels {
  widen(words: number, floats: number, count: number): void;
  add(into: number, floats: number, count: number): void;
  round(floats: number, words: number, count: number, factor: number): void;
}

/**
 * A function that sums so many vectors of one length by the tree, multiplies the sum by a factor, and rounds it to the first
 * vector.
 *
 * @param size number of vectors, a power of two
 */
export function roundedMean(size: number): (vectors: readonly Int32Array[], factor: number) => void {
  const wordBytes = 4 * CHUNK;
  const floatsOf = (of: number): number => wordBytes * (1 + 2 * of);
  const memory = new WebAssembly.Memory({ initial: Math.ceil(floatsOf(size) / 2 ** 16) });
  const module = new WebAssembly.Module(Buffer.from(kernels, 'base64'));
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const { widen, add, round } = exports as unknown as Kernels;
  const words = new Int32Array(memory.buffer, 0, CHUNK);
  return (vectors, factor) => {
    const [first] = vectors;
    for (let begin = 0; begin < first!.length; begin += CHUNK) {
      const count = Math.min(CHUNK, first!.length - begin);
      for (const [of, vector] of vectors.entries()) {
        words.set(vector.subarray(begin, begin + count));
        widen(0, floatsOf(of), count);
      }
      for (let apart = 1; apart < size; apart *= 2) {
        for (let at = 0; at < size; at += 2 * apart) add(floatsOf(at), floatsOf(at + apart), count);
      }
      round(floatsOf(0), 0, count, factor);
      first!.set(words.subarray(0, count), begin);
    }
  };
}
