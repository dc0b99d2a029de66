/** Images for checks, made from whole numbers by a rule that any other program can repeat. */

import type { IntegerNetwork } from './integerNetwork.js';

/**
 * Image number `seed` of `length` bytes: x ← 1664525·x + 1013904223 modulo 2³² from x = seed on; a byte is the top eight
 * bits of x.
 */
export function checkImage(seed: number, length: number): Uint8Array {
  let x = seed;
  return Uint8Array.from({ length }, () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x >>> 24;
  });
}

/** The images of a network's checks, numbered from 1 on. */
export function checkImages({ layers: [input] }: IntegerNetwork, count: number): Uint8Array[] {
  if (input?.op !== 'input') throw new Error('the network does not begin with an image');
  const length = input.output.shape.reduce((product, size) => product * size, 1);
  return Array.from({ length: count }, (_, index) => checkImage(index + 1, length));
}

/** Images, the first of a network's checks, whose logits an export's files hold and `eval --deployed` prints. */
export const testImages = 3;
