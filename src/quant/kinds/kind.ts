/**
 * The description of a parametrization: everything that the rest of the program asks about a kind of quantizer, in one
 * object. No other code switches over kinds, so a kind is complete when its object compiles.
 *
 * (p0, p1) are the learned values as in the table, (e0, e1) the two numbers that elements need (see
 * `elementQuantizer.ts`). A hat marks a value clamped to its limits, S; M is 1 strictly inside them, else 0.
 */
import type { ParameterName, Quantizer, QuantizerCore } from '../quantizer.js';

/** Two values: learned ones, effective ones or gradients. */
type Pair = [number, number];

/** The part of a quantizer that decides its start. */
export type StartDescription = Pick<Quantizer, 'kind' | 'signed' | 'bitwidth' | 'bounds' | 'accountingXmin'>;

/**
 * The start of a quantizer: its row in the table of learned values, (0, 0) if fixed, and the constants of fixed kinds.
 */
export interface StartValues {
  readonly parameters: readonly [number, number];
  readonly fixed: readonly [number, number] | null;
}

/** A parametrization. Formulas are float64; limits are those of the given quantizer. */
export interface Kind {
  /** The element-wise function. */
  readonly core: QuantizerCore;
  /** The meaning of p0 and p1, in this order; empty for kinds without learned values. */
  readonly parameters: readonly [] | readonly [ParameterName, ParameterName];
  /**
   * True if p0 and p1 are the fine and the far end of the range, from which the bits follow. Projection keeps such ends
   * apart, and under a budget their gradients are limited to plus and minus p0.
   */
  readonly learnsEnds: boolean;
  /**
   * The values of e0, for uniform cores the step: `power`, a power of two that is exact if both learned values are at a
   * limit; `quotient`, also a power of two, but of a rounded quotient, which may differ by one power of two in float32
   * and between the limits; `any`, any other.
   */
  readonly steps: 'power' | 'quotient' | 'any';
  /** The fewest bits of a configured or learned width: those that remain for values beside a sign or a zero. */
  readonly fewestBits: { readonly signed: number; readonly unsigned: number };

  /** Tells whether there may be more values than the bits can number, which a guaranteed budget does not allow. */
  mayExceedBits(q: Quantizer): boolean;
  /** (e0, e1) from (p0, p1); monotonic in each of them. */
  range(q: Quantizer, p0: number, p1: number): Pair;
  /** Gradients of (p0, p1) from the two sums over the elements. */
  gradients(q: Quantizer, p0: number, p1: number, s0: number, s1: number): Pair;
  /** The bits that number every value, an integer. */
  bits(q: Quantizer, p0: number, p1: number): number;
  /** The gradient of `bits`, with straight-through rounding and ceiling. */
  bitsGradient(q: Quantizer, p0: number, p1: number): Pair;
  /** The fewest bits that the limits allow. */
  smallestBits(q: Quantizer): number;
  /** The most bits that the limits and the configured maximum allow. */
  largestBits(q: Quantizer): number;
  /**
   * Replaces learned values `after` an update that have more than `cap` bits by values with at most `cap` bits. Those
   * `before` the update have at most `cap`.
   */
  capped(q: Quantizer, cap: number, before: readonly [number, number], after: readonly [number, number]): Pair;
  /** The start with a step and the range that the configured bits span with it. */
  start(q: StartDescription, step: number, range: number): StartValues;
  /** Learned values with so many bits for the range of (p0, p1) up to `end`, before limits and caps. */
  spanning(q: Quantizer, bits: number, end: number, p0: number, p1: number): Pair;
  /** The same formulas in WGSL, for the table on a GPU. */
  readonly wgsl: KindWgsl;
}

/**
 * Bodies of WGSL functions in float32. They see `row` (of type `Row`) and `p: vec2f`, the learned values; `limit`,
 * `powerOfTwo`, `exponentOf`, `nearestPowerOfTwo`, `roundHalfAway` and `inverse` of numbers; and of the row
 *
 * - `within(row, xmaxLimits, v)` and `slopeOf(row, xmaxLimits, v)`: S and M with the limits of a value (`nLimits`,
 *   `mLimits`, `dLimits`, `xminLimits`, `accountingXminLimits`, `xmaxLimits`); `pair(row, nLimits)`, the limits themselves;
 * - `integer(row, signedField)` and `integer(row, recomputeRangeField)`, 1 or 0; `integer(row, bitwidthField)`, the configured
 *   bits; `pair(row, fixedLimits)`, the effective values of a fixed kind;
 * - `digits(row, n, s)`: R(n^) - s; `levels(row, n)`: 2^(R(n^) - 1 if signed); `magnitudes(row, n)`: 2^(R(n^) - 1);
 * - `bitLength(v)`: the binary digits of an integer; `backToOctave(row, dLimits, after, before)`; `ln2`; and, of `capMargin`,
 *   `oneLessMargin` and `root2LessMargin`.
 */
export interface KindWgsl {
  /** Returns (e0, e1), a vec2f. */
  readonly range: string;
  /** Returns the gradients, a vec2f; sees the sums `s` and the effective values `e`, both vec2f. */
  readonly gradients: string;
  /** Returns the bits, a u32. */
  readonly bits: string;
  /** Returns their gradient, a vec2f. */
  readonly bitsGradient: string;
  /** Returns the learned values, a vec2f; sees `cap: u32`, `before` and `after`, both vec2f. */
  readonly capped: string;
}
