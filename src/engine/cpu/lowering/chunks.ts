/** The division of element-wise work: chunks of 64 KiB of an operand, which fit into a core's second cache. */

import { channelsOf, elementCount, type Tensor } from '../../../graph/tensor.js';

const CHUNK_ELEMENTS = 16384;

/** Arguments as in `kernels/elementArguments.ts`. */
export function elementArguments(elements: number): { elements: number; perChunk: number } {
  return { elements, perChunk: CHUNK_ELEMENTS };
}

export function elementChunks(elements: number): number {
  return Math.ceil(elements / CHUNK_ELEMENTS);
}

/** The division of a tensor into whole rows, its last dimension each. `args`: as in `kernels/channelRows.ts`. */
export function channelRows(tensor: Tensor): { chunks: number; args: { rows: number; rowsPerChunk: number } } {
  const channels = channelsOf(tensor);
  const rows = elementCount(tensor.shape) / channels;
  const rowsPerChunk = Math.max(1, Math.floor(CHUNK_ELEMENTS / channels));
  return { chunks: Math.ceil(rows / rowsPerChunk), args: { rows, rowsPerChunk } };
}
