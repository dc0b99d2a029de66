/** How element-wise work is cut: chunks of 64 KiB an operand, small enough for a core's second cache. */

const CHUNK_ELEMENTS = 16384;

/** As `kernels/elementArguments.ts` has them. */
export function elementArguments(elements: number): { elements: number; perChunk: number } {
  return { elements, perChunk: CHUNK_ELEMENTS };
}

export function elementChunks(elements: number): number {
  return Math.ceil(elements / CHUNK_ELEMENTS);
}

/** Rows of `channels` elements a chunk, at least one. */
export function rowsPerChunk(channels: number): number {
  return Math.max(1, Math.floor(CHUNK_ELEMENTS / channels));
}
