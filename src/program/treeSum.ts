/** Sums of vectors in one fixed order, whoever computes which part of them. */

/** What an engine computes with: 64 bits on the reference engine, 32 on all others. */
export type FloatVector = Float64Array | Float32Array;

/**
 * Adds up a power of two of equally long vectors by the binary tree over them: ((v0 + v1) + (v2 + v3)) + …, each sum rounded
 * to the vectors' type. So a process that has the first half of them and one that has the second need only add their
 * two sums to get the same bits as one that has all. Holds one vector a level of the tree.
 *
 * @param count how many there are; `vector` is called with each index once, in order, and gives what it returns away
 */
export async function treeSum(count: number, vector: (index: number) => Promise<FloatVector>): Promise<FloatVector> {
  if (count === 1) return vector(0);
  const levels: FloatVector[] = [];
  for (let index = 0; index < count; index++) {
    let sum = await vector(index);
    // As many levels are complete as the index ends in ones in binary: those of its left neighbours.
    for (let done = index; done % 2 === 1; done = (done - 1) / 2) sum = add(levels.pop()!, sum);
    levels.push(sum);
  }
  return levels[0]!;
}

/** The sum, in place of the first. */
function add(into: FloatVector, other: FloatVector): FloatVector {
  for (let i = 0; i < into.length; i++) into[i] = into[i]! + other[i]!;
  return into;
}
