/**
 * The certificate of a channel: integers M, b and n with which a device computes exactly the float64 reference, for
 * every accumulator that the channel can reach and every integer of the addend.
 *
 * The value that the reference rounds increases with the accumulator (if γ < 0 it decreases; the accumulator is negated
 * then). So its output is a staircase, which rises, or with a function in between also falls, and which the first
 * accumulator T of each step determines. A step is right if M·T + b reaches its threshold and M·(T − 1) + b does not:
 * two bounds on b for each step. The first shift n = 0, 1, 2 … for which the bounds of all steps leave room for b is
 * taken, so that the multiplier is as short as possible. Nothing is sampled: a channel with a certificate is right
 * everywhere.
 */

import { largestMultiplier, largestShift, reachedOf } from './integerNetwork.js';

/** The computation of a channel, and the steps of its output. */
export interface Channel {
  /** Range of reachable accumulators. */
  readonly lo: number;
  readonly hi: number;
  /** Integers that the addend can hold; [0] without one. */
  readonly addends: readonly number[];
  /** The output's integer by the float64 reference. */
  reference(accumulator: number, addend: number): number;
  /**
   * Position on the staircase, monotone in the accumulator: the output itself for uniform steps, else the number of
   * boundaries reached.
   */
  height(accumulator: number, addend: number): number;
  /**
   * The real numbers that M·2⁻ⁿ and b·2⁻ⁿ approximate, in units of the finer of the output's and the addend's steps.
   */
  readonly slope: number;
  readonly offset: number;
  readonly steps: Steps;
}

/** Places where the output changes: for `uniform` whole multiples of 2^outputShift, for `table` any. */
export type Steps =
  | {
      readonly type: 'uniform';
      readonly lo: number;
      readonly hi: number;
      readonly outputShift: number;
      readonly addendShift: number;
    }
  | {
      readonly type: 'table';
      /** The output below all boundaries. */
      readonly first: number;
      /** Each new output, and the number (ascending, in output steps) from which it holds. */
      readonly boundaries: readonly { readonly value: number; readonly from: number }[];
      readonly outputShift: number;
      readonly addendShift: number;
    };

/** The integers that requantize a channel: accumulator·multiplier + bias, shifted right by `shift`. */
export interface ChannelIntegers {
  readonly multiplier: number;
  readonly bias: bigint;
  readonly shift: number;
}

/** A place at which integers and reference differ. */
export interface Difference {
  readonly accumulator: number;
  readonly addend: number;
  readonly expected: number;
  readonly actual: number;
}

/** A step of the staircase, which has at least that height from accumulator `first`. */
interface Step {
  readonly height: number;
  readonly addend: number;
  /** In accumulators times the sign of the slope; above `hi` if never reached, `lo` if always. */
  readonly first: number;
}

/** The staircase of a channel with respect to accumulators times `sign`. */
interface Staircase {
  readonly sign: 1 | -1;
  readonly lo: number;
  readonly hi: number;
  readonly steps: readonly Step[];
}

/**
 * The certified integers of a channel with the smallest shift from `leastShift`, or null if none of 31 bits are right
 * everywhere. Multipliers on both sides of the real slope are tried, even if it is an integer: halves, which the
 * reference rounds away from zero (up if positive, down if negative), need a slightly steeper slope.
 */
export function certify(channel: Channel, leastShift = 0): ChannelIntegers | null {
  const staircase = staircaseOf(channel);
  const slope = Math.abs(channel.slope);
  for (let shift = leastShift; shift <= largestShift; shift++) {
    const ideal = slope * 2 ** shift;
    if (Math.floor(ideal) > largestMultiplier) return null;
    const thresholdOf = (step: Step) => threshold(channel.steps, step, shift);
    for (const magnitude of new Set([Math.round(ideal), Math.floor(ideal), Math.floor(ideal) + 1])) {
      const bias = biasFor(staircase, thresholdOf, magnitude, idealBias(channel, shift));
      if (bias === null || magnitude > largestMultiplier) continue;
      // Avoids −0.
      return { multiplier: staircase.sign * magnitude || 0, bias, shift };
    }
  }
  return null;
}

/** The first place at which a channel's integers differ from its reference, or null if they are equal everywhere. */
export function firstDifference(channel: Channel, integers: ChannelIntegers): Difference | null {
  const { sign, lo, hi, steps } = staircaseOf(channel);
  const places = new Map<string, readonly [accumulator: number, addend: number]>();
  const note = (place: number, addend: number) => {
    if (place >= lo && place <= hi) places.set(`${place} ${addend}`, [sign * place, addend]);
  };
  for (const { first, addend } of steps) {
    note(first, addend);
    note(first - 1, addend);
  }
  // A staircase without a step in the range still has two ends.
  for (const addend of channel.addends) for (const end of [lo, hi]) note(end, addend);
  const output = outputOf(channel.steps, integers);
  for (const [accumulator, addend] of places.values()) {
    const expected = channel.reference(accumulator, addend);
    const actual = output(accumulator, addend);
    if (actual !== expected) return { accumulator, addend, expected, actual };
  }
  return null;
}

/** The output of a channel as a device computes it. */
export function requantize(steps: Steps, integers: ChannelIntegers, accumulator: number, addend: number): number {
  return outputOf(steps, integers)(accumulator, addend);
}

/** `requantize` for many sums of one channel. */
function outputOf(
  steps: Steps,
  { multiplier, bias, shift }: ChannelIntegers,
): (accumulator: number, addend: number) => number {
  const t = (accumulator: number) => BigInt(multiplier) * BigInt(accumulator) + bias;
  if (steps.type === 'uniform') {
    return (accumulator, addend) => {
      const shifted = (t(accumulator) >> BigInt(shift)) + (BigInt(addend) << BigInt(steps.addendShift));
      const code = Number(shifted >> BigInt(steps.outputShift));
      return Math.min(Math.max(code, steps.lo), steps.hi);
    };
  }
  const thresholds = steps.boundaries.map(({ from }) => tableThreshold(steps, from, shift));
  const values = [steps.first, ...steps.boundaries.map(({ value }) => value)];
  return (accumulator, addend) =>
    values[reachedOf(thresholds, t(accumulator) + (BigInt(addend) << BigInt(steps.addendShift + shift)))]!;
}

/** The integer that t of `requantize` has to reach for a step of a table. */
export function tableThreshold({ outputShift }: Pick<Steps, 'outputShift'>, from: number, shift: number): bigint {
  return ceilScaled(from, outputShift + shift);
}

/** ⌈x·2^shift⌉ exactly. */
function ceilScaled(x: number, shift: number): bigint {
  // A double has 53 bits: 2^52·x is an integer for every x ≥ 1, and x is split so that nothing is lost.
  const scaled = x * 2 ** 52;
  const whole = BigInt(Math.trunc(scaled));
  const rest = scaled - Math.trunc(scaled);
  if (shift >= 52) return (whole << BigInt(shift - 52)) + (rest > 0 ? 1n : 0n);
  const divisor = 1n << BigInt(52 - shift);
  const quotient = whole / divisor;
  const exact = quotient * divisor === whole && rest === 0;
  return exact || x < 0 ? quotient : quotient + 1n;
}

/** The integer that M·T + b has to reach for a step. */
function threshold(steps: Steps, { height, addend }: Step, shift: number): bigint {
  const added = BigInt(addend) << BigInt(steps.addendShift);
  if (steps.type === 'uniform') return ((BigInt(height) << BigInt(steps.outputShift)) - added) << BigInt(shift);
  const { from } = steps.boundaries[height - 1]!;
  return tableThreshold(steps, from, shift) - (added << BigInt(shift));
}

/** The rounded offset, with half a step that turns a floor into rounding if the output is uniform. */
function idealBias({ offset, steps }: Channel, shift: number): bigint {
  const half = steps.type === 'uniform' ? 2 ** (steps.outputShift - 1) : 0;
  return BigInt(Math.round((offset + half) * 2 ** shift));
}

/** The b nearest to the ideal one that is right at all steps, or null. */
function biasFor(
  { lo, hi, steps }: Staircase,
  thresholdOf: (step: Step) => bigint,
  magnitude: number,
  ideal: bigint,
): bigint | null {
  const m = BigInt(magnitude);
  let least: bigint | null = null;
  let most: bigint | null = null;
  // Thresholds are computed one by one, since most magnitudes fail at one of the first steps.
  for (const step of steps) {
    const { first } = step;
    const bound = thresholdOf(step);
    if (first <= hi) {
      const needed = bound - m * BigInt(first);
      if (least === null || needed > least) least = needed;
    }
    if (first > lo) {
      const allowed = bound - 1n - m * BigInt(first - 1);
      if (most === null || allowed < most) most = allowed;
    }
    if (least !== null && most !== null && least > most) return null;
  }
  if (least !== null && ideal < least) return least;
  if (most !== null && ideal > most) return most;
  return ideal;
}

function staircaseOf(channel: Channel): Staircase {
  const sign = channel.slope < 0 ? -1 : 1;
  const [lo, hi] = sign > 0 ? [channel.lo, channel.hi] : [-channel.hi, -channel.lo];
  const heights = heightsBehindTheFirst(channel.steps);
  const steps: Step[] = [];
  // Pairs of height and addend with one threshold have one place, unless the reference's rounding differs.
  const known = new Map<number, number>();
  for (const addend of channel.addends) {
    // Steps rise with their heights, so the search for one begins at the last one.
    let from = lo;
    for (const height of heights) {
      const reaches = (place: number) => channel.height(sign * place, addend) >= height;
      const key = sharedThreshold(channel, height, addend);
      const guess = key === null ? undefined : known.get(key);
      const first =
        guess !== undefined && isFirst(guess, lo, hi, reaches)
          ? guess
          : firstReaching(from, hi, idealPlace(channel, height, addend), reaches);
      from = first;
      if (first === guess) continue;
      if (key !== null) known.set(key, first);
      steps.push({ height, addend, first });
    }
  }
  return { sign, lo, hi, steps };
}

/**
 * The threshold of a step in units of the finer step, if other pairs of height and addend may have the same; null
 * otherwise.
 */
function sharedThreshold({ steps, addends }: Channel, height: number, addend: number): number | null {
  if (steps.type === 'table' || addends.length === 1) return null;
  return height * 2 ** steps.outputShift - addend * 2 ** steps.addendShift;
}

function isFirst(place: number, lo: number, hi: number, reaches: (place: number) => boolean): boolean {
  return (place > hi || reaches(place)) && (place <= lo || !reaches(place - 1));
}

function heightsBehindTheFirst(steps: Steps): number[] {
  if (steps.type === 'table') return steps.boundaries.map((_, index) => index + 1);
  return Array.from({ length: steps.hi - steps.lo }, (_, index) => steps.lo + 1 + index);
}

/** The place at which a step begins in real numbers; any number where the slope is 0. */
function idealPlace({ slope, offset, steps }: Channel, height: number, addend: number): number {
  const from = steps.type === 'uniform' ? height - 0.5 : steps.boundaries[height - 1]!.from;
  const reached = from * 2 ** steps.outputShift - addend * 2 ** steps.addendShift;
  return Math.ceil((reached - offset) / (Math.abs(slope) || 1));
}

/**
 * The first integer from `lo` to `hi` that meets a monotone condition, `hi + 1` if there is none; found at the second look
 * if `guess` is right.
 */
function firstReaching(lo: number, hi: number, guess: number, holds: (place: number) => boolean): number {
  let [low, high] = [lo, hi + 1];
  let middle = Math.min(Math.max(guess, lo), hi);
  for (let look = 1; low < high; look++) {
    const isReached = holds(middle);
    if (isReached) high = middle;
    else low = middle + 1;
    middle = look === 1 ? (isReached ? high - 1 : low) : Math.floor((low + high) / 2);
  }
  return low;
}
