/**
 * The sets of tensors behind every size (see `quant/sizes.ts`) on a GPU: packed into words behind the rows of the
 * quantizer table, and searched for the largest by one invocation.
 *
 * A list of sets is its length, then each set: bits of what is not quantized, number of members, and per member its row
 * and its elements.
 */

import type { MemorySets, TensorSet } from '../../../quant/index.js';

/** The lists as words, and where each begins if the first word has the index `base`. */
export function packSets(
  sets: MemorySets,
  base: number,
): { words: number[]; starts: Readonly<Record<keyof MemorySets, number>> } {
  const words: number[] = [];
  const start = (list: readonly TensorSet[]) => {
    const begin = base + words.length;
    words.push(list.length);
    for (const { bits, members } of list) {
      words.push(bits, members.length, ...members.flatMap(({ row, count }) => [row, count]));
    }
    return begin;
  };
  return {
    starts: { weights: start(sets.weights), max: start(sets.max), sum: start(sets.sum), peak: start(sets.peak) },
    words,
  };
}

/** Needs `word` of `KernelSource.words` and the workgroup's arrays `bits` and `elements`, a number a row each. */
export const memorySets = /* wgsl */ `
// Bits of the largest set of a list, the first of equal ones, and where it begins; zeros where all are empty.
fn largestSet(list: u32) -> vec2u {
  var largest = vec2u();
  var at = list + 1u;
  for (var index = 0u; index < word(list); index++) {
    let members = word(at + 1u);
    var size = word(at);
    for (var i = 0u; i < members; i++) { size += bits[word(at + 2u + 2u * i)] * word(at + 3u + 2u * i); }
    if (size > largest.x) { largest = vec2u(size, at); }
    at += 2u + 2u * members;
  }
  return largest;
}

// Adds up, row by row, the elements that a row has in the set at this place (0: none).
fn countElements(place: u32) {
  if (place == 0u) { return; }
  for (var i = 0u; i < word(place + 1u); i++) { elements[word(place + 2u + 2u * i)] += word(place + 3u + 2u * i); }
}
`;
