/**
 * Seeded random numbers. Their state can be saved and restored exactly, so that a resumed run continues as if it had
 * never stopped. The generator is sfc32 (Chris Doty-Humphrey, PractRand): four 32-bit words, a guaranteed period of at
 * least 2^32, a few integer operations a number, and the same numbers on every machine.
 */

/** The four uint32 words of the generator. */
export type RandomState = readonly [number, number, number, number];

export interface Random {
  /** An integer in [0, 2^32). */
  uint32(): number;
  /** A multiple of 2^-32 in [0, 1). */
  uniform(): number;
  /** An unbiased integer in [0, bound), bound at most 2^32. */
  below(bound: number): number;
  /** A standard normal number (Box-Muller; the second number is dropped, so that the state stays four words). */
  normal(): number;
  /** Shuffles in place (Fisher-Yates). */
  shuffle<T>(values: { readonly length: number; [index: number]: T }): void;
  getState(): RandomState;
  setState(state: RandomState): void;
}

/**
 * The independent random sequences of a seed, by purpose: everything that is random in a run. A new purpose gets a
 * number of its own. Generated images share the sequences of initial values and batches for compatibility: others would
 * change the images of every seed, and initial values do not correlate with images.
 */
export const randomStreams = {
  /** Images that a limit keeps, and images held out for validation. */
  choice: 0,
  /** Initial values of a network's parameters. */
  startValues: 1,
  /** Order, augmentation and crops of training images; part of a checkpoint. */
  batches: 2,
  syntheticTraining: 1,
  syntheticTest: 2,
} as const;

/** A generator for `seed` (any safe integer) and one of {@link randomStreams}. */
export function createRandom(seed: number, stream: number = randomStreams.choice): Random {
  let a = 0;
  let b = 0;
  let c = 0;
  let counter = 0;

  const uint32 = (): number => {
    const result = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return result >>> 0;
  };
  const uniform = (): number => uint32() * 2 ** -32;
  const below = (bound: number): number => {
    const accepted = 2 ** 32 - (2 ** 32 % bound);
    let value = uint32();
    while (value >= accepted) value = uint32();
    return value % bound;
  };
  const setState = (state: RandomState): void => {
    [a, b, c, counter] = state.map((word) => word | 0) as [number, number, number, number];
  };

  setState([seed, Math.floor(seed / 2 ** 32), stream, 1]);
  // The author of sfc32 discards 12 numbers after seeding with few bits; 20 cost nothing and mix neighbouring seeds.
  for (let round = 0; round < 20; round++) uint32();

  return {
    uint32,
    uniform,
    below,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    shuffle: (values) => {
      for (let last = values.length - 1; last > 0; last--) {
        const other = below(last + 1);
        const swapped = values[last]!;
        values[last] = values[other]!;
        values[other] = swapped;
      }
    },
    getState: () => [a >>> 0, b >>> 0, c >>> 0, counter >>> 0],
    setState,
  };
}
