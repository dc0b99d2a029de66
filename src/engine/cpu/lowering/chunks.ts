/** How element-wise work is cut: chunks of 64 KiB an operand, small enough for a core's second cache. */

export const CHUNK_ELEMENTS = 16384;

export function elementChunks(elements: number): number {
  return Math.ceil(elements / CHUNK_ELEMENTS);
}

/** Rows of `channels` elements a chunk, at least one. */
export function rowsPerChunk(channels: number): number {
  return Math.max(1, Math.floor(CHUNK_ELEMENTS / channels));
}
