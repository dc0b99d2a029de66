/** The integer network on threads: the same logits for any number of them, in the order of the images. */

import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runIntegers } from '../../src/ship/interpreter.js';
import { packNetwork } from '../../src/ship/packedFile.js';
import { compiledPackage } from '../compiledSources.js';
import { randomNetwork } from './randomNetwork.js';

// Node runs the workers, so that what starts them has to be compiled, too.
const { logitsInOrder }: typeof import('../../src/deploy/integerThreads.js') = await import(
  join(compiledPackage(), 'dist/deploy/integerThreads.js')
);

const { network, images } = randomNetwork(1);
const packed = packNetwork(network);
const size = images[0]!.length;

/** Blocks of 1, 2, 3, 1, … images, all in the same memory, as a stream hands them out. */
async function* blocks(count: number): AsyncGenerator<Uint8Array> {
  const memory = new Uint8Array(3 * size);
  for (let block = 0; block < count; block++) {
    const length = 1 + (block % 3);
    for (let place = 0; place < length; place++) memory.set(images[(block + place) % images.length]!, place * size);
    yield memory.subarray(0, length * size);
  }
}

it.each([1, 3])('%i threads give the logits of the interpreter, in order', async (threads) => {
  const own = images.map((image) => [...runIntegers(network, image)]);
  let block = 0;
  for await (const { block: shown, logits } of logitsInOrder(packed, blocks(20), threads)) {
    const each = Array.from({ length: 1 + (block % 3) }, (_, place) => (block + place) % images.length);
    expect(shown).toEqual(Uint8Array.from(each.flatMap((image) => [...images[image]!])));
    expect([...logits], `block ${block}`).toEqual(each.flatMap((image) => own[image]!));
    block++;
  }
  expect(block).toBe(20);
});

it('a fault of the images, or of a thread, is told', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield* blocks(2);
    throw new Error('image 4 cannot be decoded');
  }
  const all = async (file: Uint8Array, of: AsyncIterable<Uint8Array>) => {
    for await (const _ of logitsInOrder(file, of, 2));
  };
  await expect(all(packed, broken())).rejects.toThrow('image 4 cannot be decoded');
  await expect(all(packed.subarray(0, 99), blocks(9))).rejects.toThrow('network: ');
});
