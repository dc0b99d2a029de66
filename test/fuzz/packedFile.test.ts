/** Packed files that are damaged, also where their checksum fits: refused in one line, or run without a fault. */

import { afterAll, expect, it } from 'vitest';
import { createRandom, type Random } from '../../src/data/random.js';
import { InputError } from '../../src/errors.js';
import { load } from '../../src/runtime/index.js';
import { runIntegers } from '../../src/ship/interpreter.js';
import { packNetwork, sealed } from '../../src/ship/packedFile.js';
import { unpackNetwork } from '../../src/ship/packedReader.js';
import { decodeSafetensors, type NamedTensor } from '../../src/weights/safetensors.js';
import { randomNetwork } from '../ship/randomNetwork.js';
import { fuzz, mutations } from './fuzz.js';

const networks = [1, 2, 3, 4].map(randomNetwork);
const files = networks.map(({ network }) => packNetwork(network));

afterAll(() => {
  // The process's peak memory, in KiB.
  expect(process.resourceUsage().maxRSS).toBeLessThan(2 ** 20);
});

it('survives mutated bytes', async () => {
  const { refused } = await fuzz(files, (bytes) => unpackNetwork(bytes, 'net.safetensors'));
  expect(refused).toBeGreaterThan(0.9 * mutations);
});

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Replacements of a number, a text or anything else. */
const strange: readonly Json[] = [
  0,
  1,
  -1,
  2,
  3,
  7,
  8,
  15,
  16,
  31,
  255,
  65536,
  2 ** 24,
  2 ** 31,
  1e300,
  0.5,
  null,
  'x',
];

/** Replaces one value of a description by a strange one, or by another value of it. */
function damaged(json: Json, random: Random): Json {
  const copy = structuredClone(json);
  const places: [holder: { [key: string]: Json }, key: string][] = [];
  const collect = (value: Json): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const key of Object.keys(value)) {
      places.push([value as { [key: string]: Json }, key]);
      collect((value as { [key: string]: Json })[key]!);
    }
  };
  collect(copy);
  const [holder, key] = places[random.below(places.length)]!;
  const [other, otherKey] = places[random.below(places.length)]!;
  holder[key] = random.below(4) === 0 ? structuredClone(other[otherKey]!) : strange[random.below(strange.length)]!;
  return copy;
}

/** A value of a vector replaced, or the vector cut. */
function damagedVector(tensor: NamedTensor, random: Random): NamedTensor {
  if (random.below(3) === 0) {
    const data = tensor.data.slice(0, random.below(tensor.data.length + 1));
    return { ...tensor, shape: [data.length], data };
  }
  const data = tensor.data.slice();
  const values = [0, 1, -1, 63, 255, 2 ** 31 - 1, -(2 ** 31)];
  const value = values[random.below(values.length)]!;
  const at = random.below(data.length);
  if (data instanceof BigInt64Array) data[at] = BigInt(value) * 2n ** BigInt(random.below(32));
  else data[at] = value;
  return { ...tensor, data };
}

it('survives damage under a checksum that fits: what is read runs alike with and without WebAssembly', async () => {
  const random = createRandom(2027);
  const outcomes = { run: 0, refused: 0 };
  for (let round = 0; round < mutations; round++) {
    const { images } = networks[round % networks.length]!;
    const { tensors, metadata } = decodeSafetensors(files[round % files.length]!, 'net');
    const { crc32: _, network: description, ...others } = metadata;
    const vectors = [...tensors.values()];
    let json: Json = JSON.parse(description!);
    for (let changes = 1 + random.below(2); changes > 0; changes--) {
      if (random.below(4) > 0) json = damaged(json, random);
      else {
        const at = random.below(vectors.length);
        if (vectors[at]!.data.length > 0) vectors[at] = damagedVector(vectors[at]!, random);
      }
    }
    const file = sealed(vectors, { ...others, network: JSON.stringify(json) });
    try {
      const network = unpackNetwork(file, 'net');
      const deployed = await load(file);
      const size = deployed.inputShape.reduce((product, side) => product * side, 1);
      const image = Uint8Array.from({ length: size }, (_, i) => images[2]![i % images[2]!.length]!);
      expect([...deployed.logits(image)], `round ${round}`).toEqual([...runIntegers(network, image)]);
      outcomes.run++;
    } catch (error) {
      if (!(error instanceof InputError)) throw new Error(`round ${round} of ${mutations}`, { cause: error });
      expect(error.message).not.toMatch(/[\n\r]/);
      expect(error.message.length).toBeLessThan(500);
      outcomes.refused++;
    }
  }
  expect(Math.min(outcomes.run, outcomes.refused)).toBeGreaterThan(mutations / 10);
});
