/**
 * Mutated inputs for parsers, the same for the same seed. A parser passes if every one of them is read or refused by an
 * `InputError` of one line, in time, and with no more memory than a file of its size may need.
 */
import { getHeapStatistics } from 'node:v8';
import { expect } from 'vitest';
import { createRandom, type Random } from '../../src/data/random.js';
import { InputError } from '../../src/errors.js';
import { isThorough } from '../tier.js';

/** Mutated inputs that a parser has to survive. */
export const mutations = isThorough ? 1000 : 200;
/** A message fits on a few lines of a terminal, whatever the input. */
const longestMessage = 2000;
/** Bytes outside of JavaScript's heap beside twice a file: buffers to read by, and what is left of parses before. */
const otherBytes = 2 ** 20;

export interface Outcomes {
  read: number;
  refused: number;
}

/**
 * Feeds a parser with mutations of `inputs`, in turn. `parse` returns or throws; a result may be checked in it, by
 * whatever error that is no `InputError`.
 */
export async function fuzz(
  inputs: readonly Uint8Array[],
  parse: (bytes: Uint8Array) => unknown,
  repair: (bytes: Uint8Array, random: Random) => Uint8Array = (bytes) => bytes,
  count = mutations,
): Promise<Outcomes> {
  const random = createRandom(2026);
  const outcomes: Outcomes = { read: 0, refused: 0 };
  for (let round = 0; round < count; round++) {
    const mutated = repair(mutate(inputs[round % inputs.length]!, random), random);
    const before = getHeapStatistics().external_memory;
    try {
      await parse(mutated);
      outcomes.read++;
    } catch (error) {
      if (!(error instanceof InputError)) throw new Error(`mutation ${round} of ${count}`, { cause: error });
      expect(error.message).not.toMatch(/[\n\r]/);
      expect(error.message.length).toBeLessThan(longestMessage);
      outcomes.refused++;
    }
    const allocated = getHeapStatistics().external_memory - before;
    expect(allocated, `mutation ${round} of ${count}`).toBeLessThan(2 * mutated.length + otherBytes);
  }
  return outcomes;
}

/** Text in, text out. */
export const asText = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** One to four changes, each of another kind. */
function mutate(input: Uint8Array, random: Random): Uint8Array {
  let bytes = Uint8Array.from(input);
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    const change = changesOf[random.below(changesOf.length)]!;
    if (bytes.length > 0) bytes = change(bytes, random);
  }
  return bytes;
}

/** Words on which parsers trip: signs, limits, separators, and what other formats begin with. */
const words = [
  '\0',
  '\xff\xff\xff\xff',
  '\x7f\xff\xff\xff',
  '-1',
  '9007199254740993',
  '1e999',
  'NaN',
  'null',
  '{',
  '[[[',
];
const signs = [
  '"',
  '\n',
  '\r\n',
  ',',
  '=',
  ';',
  ':',
  '*',
  '%(x)s',
  '\x1b[2J',
  '\ud83d\ude00',
  '__proto__',
  '../',
  '\x1f\x8b',
];
const tokens = [...words, ...signs].map((word) => Buffer.from(word, /[\ud800-\udfff]/.test(word) ? 'utf8' : 'latin1'));

const changesOf: readonly ((bytes: Uint8Array<ArrayBuffer>, random: Random) => Uint8Array<ArrayBuffer>)[] = [
  (bytes, random) => {
    bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
    return bytes;
  },
  (bytes, random) => bytes.fill(random.below(256), ...part(bytes, random, 8)),
  (bytes, random) => {
    const [start, end] = part(bytes, random, bytes.length);
    return Uint8Array.from(Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]));
  },
  (bytes, random) => {
    const [start, end] = part(bytes, random, 200);
    return Uint8Array.from(Buffer.concat([bytes.subarray(0, end), bytes.subarray(start)]));
  },
  (bytes, random) => {
    const at = random.below(bytes.length + 1);
    const token = tokens[random.below(tokens.length)]!;
    return Uint8Array.from(Buffer.concat([bytes.subarray(0, at), token, bytes.subarray(at)]));
  },
  (bytes, random) => {
    bytes.set(tokens[random.below(tokens.length)]!.subarray(0, bytes.length), 0);
    return bytes;
  },
  (bytes, random) => {
    const at = random.below(bytes.length);
    const token = tokens[random.below(tokens.length)]!;
    bytes.set(token.subarray(0, bytes.length - at), at);
    return bytes;
  },
  (bytes, random) => bytes.slice(0, random.below(bytes.length + 1)),
];

function part(bytes: Uint8Array, random: Random, longest: number): [start: number, end: number] {
  const start = random.below(bytes.length);
  return [start, Math.min(bytes.length, start + 1 + random.below(longest))];
}
