/** How element-wise work is cut: chunks of 64 KiB an operand, small enough for a core's second cache. */

import { dimension, elementCount, type Tensor } from '../../../graph/tensor.js';

const CHUNK_ELEMENTS = 16384;

/** As `kernels/elementArguments.ts` has them. */
export function elementArguments(elements: number): { elements: number; perChunk: number } {
  return { elements, perChunk: CHUNK_ELEMENTS };
}

export function elementChunks(elements: number): number {
  return Math.ceil(elements / CHUNK_ELEMENTS);
}

/** How the rows of a tensor, its last dimension each, are cut: whole ones. `args` are as `kernels/channelRows.ts` has them. */
export function channelRows(tensor: Tensor): { chunks: number; args: { rows: number; rowsPerChunk: number } } {
  const channels = dimension(tensor, tensor.shape.length - 1);
  const rows = elementCount(tensor.shape) / channels;
  const rowsPerChunk = Math.max(1, Math.floor(CHUNK_ELEMENTS / channels));
  return { chunks: Math.ceil(rows / rowsPerChunk), args: { rows, rowsPerChunk } };
}
