/**
 * The activation of an element, four at a time: the element functions of `quant/` in vector arithmetic.
 *
 * `kind` is a constant wherever these functions are inlined, so that a kernel holds the code of its own kind only.
 * (e0, e1) are the quantizer's effective values; `inverse` is 1/e0, exact for powers of two. `pmin` and `pmax` keep a
 * NaN in their first operand's place and are one instruction.
 */

import { mad } from './mad';

@inline
export const IDENTITY: i32 = 0;
@inline
export const RELU: i32 = 1;
@inline
export const RELU6: i32 = 2;
@inline
export const UNIFORM_SIGNED: i32 = 3;
@inline
export const UNIFORM_UNSIGNED: i32 = 4;
@inline
export const POW2_SIGNED: i32 = 5;
@inline
export const POW2_UNSIGNED: i32 = 6;
@inline
export const FIXED_UNIFORM_SIGNED: i32 = 7;
@inline
export const FIXED_UNIFORM_UNSIGNED: i32 = 8;
@inline
export const FIXED_POW2_SIGNED: i32 = 9;
@inline
export const FIXED_POW2_UNSIGNED: i32 = 10;
@inline
export const SIGMOID: i32 = 11;
@inline
export const HARD_SIGMOID: i32 = 12;
@inline
export const HARD_SWISH: i32 = 13;
@inline
export const SILU: i32 = 14;

/** y = act(x). */
@inline
export function activate(kind: i32, x: v128, e0: v128, e1: v128, inverse: v128): v128 {
  if (kind == RELU) return positivePart(x);
  if (kind == RELU6) return f32x4.pmin(positivePart(x), f32x4.splat(6));
  if (kind == SIGMOID) return sigmoid(x);
  if (kind == HARD_SIGMOID) return hardSigmoid(x);
  if (kind == HARD_SWISH) return f32x4.mul(x, hardSigmoid(x));
  if (kind == SILU) return f32x4.mul(x, sigmoid(x));
  if (kind == UNIFORM_SIGNED) return f32x4.mul(e0, roundHalfAway(f32x4.mul(clip(true, x, e1), inverse)));
  if (kind == UNIFORM_UNSIGNED) return f32x4.mul(e0, roundHalfUp(f32x4.mul(clip(false, x, e1), inverse)));
  if (kind == FIXED_UNIFORM_SIGNED) return f32x4.mul(e0, roundHalfAway(f32x4.div(clip(true, x, e1), e0)));
  if (kind == FIXED_UNIFORM_UNSIGNED) return f32x4.mul(e0, roundHalfUp(f32x4.div(clip(false, x, e1), e0)));
  if (kind == POW2_SIGNED || kind == POW2_UNSIGNED) {
    const a = kind == POW2_SIGNED ? f32x4.abs(x) : positivePart(x);
    const power = nearestPowerOfTwo(a);
    const alive = kind == POW2_SIGNED ? allLanes() : f32x4.ge(power, e0);
    const low = v128.and(f32x4.lt(a, e0), alive);
    const high = f32x4.ge(a, e1);
    const between = v128.andnot(v128.andnot(alive, low), high);
    const y = f32x4.add(v128.and(e0, low), f32x4.add(v128.and(e1, high), v128.and(power, between)));
    return keepNaN(kind == POW2_SIGNED ? v128.or(y, negativeSign(x)) : y, x);
  }
  if (kind == FIXED_POW2_SIGNED) {
    const y = f32x4.pmin(f32x4.pmax(nearestPowerOfTwo(f32x4.abs(x)), e0), e1);
    return keepNaN(v128.or(y, negativeSign(x)), x);
  }
  if (kind == FIXED_POW2_UNSIGNED) {
    const power = nearestPowerOfTwo(positivePart(x));
    return keepNaN(v128.and(f32x4.pmin(power, e1), f32x4.ge(power, e0)), x);
  }
  return x;
}

/** g · dy/dx. */
@inline
export function inputGradient(kind: i32, x: v128, e0: v128, e1: v128, g: v128): v128 {
  if (kind == RELU) return v128.and(g, f32x4.gt(x, f32x4.splat(0)));
  if (kind == RELU6) return v128.and(g, v128.and(f32x4.gt(x, f32x4.splat(0)), f32x4.lt(x, f32x4.splat(6))));
  if (kind == SIGMOID) {
    const s = sigmoid(x);
    return f32x4.mul(g, f32x4.mul(s, f32x4.sub(f32x4.splat(1), s)));
  }
  if (kind == HARD_SIGMOID) return v128.and(f32x4.mul(g, f32x4.splat(1.0 / 6)), isBetweenKinks(x));
  if (kind == HARD_SWISH) {
    const slope = f32x4.add(f32x4.mul(x, f32x4.splat(1.0 / 3)), f32x4.splat(0.5));
    return f32x4.mul(g, v128.bitselect(slope, hardSigmoid(x), isBetweenKinks(x)));
  }
  if (kind == SILU) {
    const s = sigmoid(x);
    const rest = f32x4.mul(x, f32x4.sub(f32x4.splat(1), s));
    return f32x4.mul(g, f32x4.mul(s, f32x4.add(f32x4.splat(1), rest)));
  }
  if (kind == UNIFORM_SIGNED) return v128.and(g, f32x4.lt(f32x4.abs(x), e1));
  if (kind == UNIFORM_UNSIGNED) return v128.and(g, v128.and(f32x4.gt(x, f32x4.splat(0)), f32x4.lt(x, e1)));
  if (kind == FIXED_UNIFORM_SIGNED) return v128.and(g, f32x4.le(f32x4.abs(x), e1));
  if (kind == FIXED_UNIFORM_UNSIGNED) return v128.and(g, v128.and(f32x4.ge(x, f32x4.splat(0)), f32x4.le(x, e1)));
  if (kind == POW2_SIGNED || kind == POW2_UNSIGNED) {
    const a = kind == POW2_SIGNED ? f32x4.abs(x) : positivePart(x);
    const factor = f32x4.div(nearestPowerOfTwo(a), a);
    return f32x4.mul(g, v128.and(factor, v128.and(f32x4.ge(a, e0), f32x4.lt(a, e1))));
  }
  if (kind == FIXED_POW2_SIGNED) return v128.and(g, f32x4.le(nearestPowerOfTwo(f32x4.abs(x)), e1));
  if (kind == FIXED_POW2_UNSIGNED) {
    return v128.and(g, v128.and(f32x4.ge(x, f32x4.splat(0)), f32x4.le(nearestPowerOfTwo(x), e1)));
  }
  return g;
}

/** Tells whether a kind reduces the two sums. */
@inline
export function isLearned(kind: i32): bool {
  return kind >= UNIFORM_SIGNED && kind <= POW2_UNSIGNED;
}

/** The elements' terms of s0. */
@inline
export function rangeContribution0(kind: i32, x: v128, e0: v128, e1: v128, inverse: v128, g: v128): v128 {
  if (kind == UNIFORM_SIGNED || kind == UNIFORM_UNSIGNED) {
    const steps = f32x4.mul(clip(kind == UNIFORM_SIGNED, x, e1), inverse);
    const rounded = kind == UNIFORM_SIGNED ? roundHalfAway(steps) : roundHalfUp(steps);
    return f32x4.mul(g, f32x4.sub(rounded, steps));
  }
  if (kind == POW2_SIGNED) return v128.and(v128.xor(g, negativeSign(x)), f32x4.lt(f32x4.abs(x), e0));
  const a = positivePart(x);
  return v128.and(g, v128.and(f32x4.lt(a, e0), f32x4.ge(nearestPowerOfTwo(a), e0)));
}

/** The elements' terms of s1. */
@inline
export function rangeContribution1(kind: i32, x: v128, e1: v128, g: v128): v128 {
  if (kind == UNIFORM_SIGNED || kind == POW2_SIGNED) {
    return v128.and(v128.xor(g, negativeSign(x)), f32x4.ge(f32x4.abs(x), e1));
  }
  return v128.and(g, f32x4.ge(x, e1));
}

/** max(x, 0); NaN stays. */
@inline
function positivePart(x: v128): v128 {
  return f32x4.pmax(x, f32x4.splat(0));
}

/** 1/(1 + e^−x); NaN stays. */
@inline
function sigmoid(x: v128): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), exponential(f32x4.neg(x))));
}

/** clip(x/6 + 1/2, 0, 1); NaN stays. */
@inline
function hardSigmoid(x: v128): v128 {
  const line = f32x4.add(f32x4.mul(x, f32x4.splat(1.0 / 6)), f32x4.splat(0.5));
  return f32x4.pmin(positivePart(line), f32x4.splat(1));
}

@inline
function isBetweenKinks(x: v128): v128 {
  return f32x4.lt(f32x4.abs(x), f32x4.splat(3));
}

/**
 * e^x to about one part in 10^7, 0 below −87.7 and infinity above 88.3: 2^n · e^r with |r| ≤ ln 2 / 2, the polynomial and
 * the two parts of ln 2 those of Cephes' `expf`.
 */
@inline
function exponential(x: v128): v128 {
  const bounded = f32x4.pmin(f32x4.pmax(x, f32x4.splat(-88)), f32x4.splat(89));
  const n = f32x4.nearest(f32x4.mul(bounded, f32x4.splat(1.44269504)));
  const r = f32x4.sub(f32x4.sub(bounded, f32x4.mul(n, f32x4.splat(0.693359375))), f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let p = mad(f32x4.splat(1.9875691500e-4), r, f32x4.splat(1.3981999507e-3));
  p = mad(p, r, f32x4.splat(8.3334519073e-3));
  p = mad(p, r, f32x4.splat(4.1665795894e-2));
  p = mad(p, r, f32x4.splat(1.6666665459e-1));
  p = mad(p, r, f32x4.splat(5.0000001201e-1));
  const e = f32x4.add(mad(p, f32x4.mul(r, r), r), f32x4.splat(1));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(e, power);
}

/** x within [-end, end] or [0, end]; NaN stays. */
@inline
function clip(signed: bool, x: v128, end: v128): v128 {
  return f32x4.pmin(signed ? f32x4.pmax(x, f32x4.neg(end)) : positivePart(x), end);
}

/**
 * The nearest integer, halves away from zero. 0.49999997 is the float before 1/2: added to a number just below a half
 * it stays below the next integer, added to a half it is rounded to that integer, added to an integer above 2^22 it is
 * lost.
 */
@inline
export function roundHalfAway(v: v128): v128 {
  const half = v128.or(v128.and(v, f32x4.splat(-0.0)), i32x4.splat(0x3effffff));
  return f32x4.trunc(f32x4.add(v, half));
}

/** The nearest integer, halves up, for v >= 0. */
@inline
function roundHalfUp(v: v128): v128 {
  return f32x4.trunc(f32x4.add(v, i32x4.splat(0x3effffff)));
}

/**
 * P2(a) for a >= 0, on the bits. Of the floats, 0x3504f4 is the least mantissa that is at least √2; added to a mantissa
 * from there on, its complement 0x4afb0c carries into the exponent.
 */
@inline
function nearestPowerOfTwo(a: v128): v128 {
  return v128.and(i32x4.add(a, i32x4.splat(0x4afb0c)), i32x4.splat(0x7f800000));
}

/** The sign bit where x < 0 (and not where it is -0). */
@inline
function negativeSign(x: v128): v128 {
  return v128.and(f32x4.lt(x, f32x4.splat(0)), f32x4.splat(-0.0));
}

@inline
function keepNaN(y: v128, x: v128): v128 {
  return v128.bitselect(x, y, f32x4.ne(x, x));
}

@inline
function allLanes(): v128 {
  return i32x4.splat(-1);
}
