/**
 * The sets of tensors behind every size (see `quant/sizes.ts`) on a GPU: packed into words behind the rows of the
 * quantizer table; one invocation searches for the largest.
 *
 * A list of sets is its length, then each set: the size of its unquantized tensors, number of members, and for each
 * member its row and its elements. Sizes are whole kB and the remaining bits, since 32-bit integers hold at most 512 MB
 * of bits.
 */

import { bitsPerKbyte, type MemorySets, type TensorSet } from '../../../quant/index.js';

/** The lists as words, and the start of each if the first word has the index `base`. */
export function packSets(
  sets: MemorySets,
  base: number,
): { words: number[]; starts: Readonly<Record<keyof MemorySets, number>> } {
  const words: number[] = [];
  const start = (list: readonly TensorSet[]) => {
    const begin = base + words.length;
    words.push(list.length);
    for (const { bits, members } of list) {
      words.push(Math.floor(bits / bitsPerKbyte), bits % bitsPerKbyte, members.length);
      for (const { row, count } of members) words.push(row, count);
    }
    return begin;
  };
  return {
    starts: { weights: start(sets.weights), max: start(sets.max), sum: start(sets.sum), peak: start(sets.peak) },
    words,
  };
}

/**
 * WGSL for the largest set of a list. Needs `word` of `KernelSource.words` and the workgroup's arrays `bits` and
 * `elements`, one number a row each.
 *
 * @param share the share of a row's elements that counts; null for all. Exact below 2^22 elements of a tensor.
 */
export const memorySets = (share: ((row: string) => string) | null) => /* wgsl */ `
// The elements of a member that count.
fn counted(member: u32) -> u32 {
  ${share ? `return u32(round(f32(word(member + 1u)) * ${share('word(member)')}));` : 'return word(member + 1u);'}
}

// The largest set of a list, the first of equal ones: its kB, its bits beyond them, where it begins. Zeros where all are empty.
fn largestSet(list: u32) -> vec3u {
  var largest = vec3u();
  var at = list + 1u;
  for (var index = 0u; index < word(list); index++) {
    let members = word(at + 2u);
    var size = vec2u(word(at), word(at + 1u));
    for (var i = 0u; i < members; i++) {
      let width = bits[word(at + 3u + 2u * i)];
      let count = counted(at + 3u + 2u * i);
      let rest = size.y + width * (count % ${bitsPerKbyte}u);
      size = vec2u(size.x + width * (count / ${bitsPerKbyte}u) + rest / ${bitsPerKbyte}u, rest % ${bitsPerKbyte}u);
    }
    if (size.x > largest.x || (size.x == largest.x && size.y > largest.y)) { largest = vec3u(size, at); }
    at += 3u + 2u * members;
  }
  return largest;
}

fn kbytes(size: vec3u) -> f32 { return f32(size.x) + f32(size.y) * ${1 / bitsPerKbyte}f; }

// Adds up, row by row, the elements that a row has in the set at this place (0: none).
fn countElements(place: u32) {
  if (place == 0u) { return; }
  for (var i = 0u; i < word(place + 2u); i++) {
    let member = place + 3u + 2u * i;
    elements[word(member)] += counted(member);
  }
}
`;
