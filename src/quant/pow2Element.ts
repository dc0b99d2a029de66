/**
 * The power-of-two quantizer with learned ends xmin and xmax, both powers of two (P1, P2 and P3 differ only in how
 * these are computed). With v = x if signed, else relu(x), and a = |v|:
 *
 *     y = sign(v) * (xmin if a < xmin | P2(a) if xmin <= a < xmax | xmax if a >= xmax)      sign(0) = +1
 *
 * An unsigned quantizer has zero among its levels, for a < xmin/sqrt(2), where nothing gets a gradient. Between the
 * ends dy/dx = P2(a)/a; below and above, the gradient belongs to the end. The two outer conditions are independent, as
 * published: if xmin > xmax (which projection prevents in training) both hold between them and the levels add up.
 */
import type { ElementQuantizer } from './elementQuantizer.js';
import { nearestPowerOfTwo } from './rounding.js';

/** The learned power-of-two quantizer; e0 is xmin, e1 is xmax. */
export const pow2: ElementQuantizer = {
  value: (signed, xmin, xmax, x) => {
    const a = magnitude(signed, x);
    const low = isLow(signed, xmin, a);
    if (low || a >= xmax) return signOf(x) * ((low ? xmin : 0) + (a >= xmax ? xmax : 0));
    return isDead(signed, xmin, a) ? 0 : signOf(x) * nearestPowerOfTwo(a);
  },

  /** P2(a)/a between the ends; 0 elsewhere, and for a signed input of exactly 0 (published: 0/0). */
  inputFactor: (signed, xmin, xmax, x) => {
    const a = magnitude(signed, x);
    return a >= xmin && a < xmax ? nearestPowerOfTwo(a) / a : 0;
  },

  /** dy/dxmin: the sign of elements with the value xmin; its sum is A. */
  rangeFactor0: (signed, xmin, _xmax, x) => (isLow(signed, xmin, magnitude(signed, x)) ? signOf(x) : 0),

  /** dy/dxmax: the sign of elements with the value xmax; its sum is B. */
  rangeFactor1: (signed, _xmin, xmax, x) => (magnitude(signed, x) >= xmax ? signOf(x) : 0),
};

function magnitude(signed: boolean, x: number): number {
  return !signed && x < 0 ? 0 : Math.abs(x);
}

function signOf(x: number): number {
  return x < 0 ? -1 : 1;
}

function isLow(signed: boolean, xmin: number, a: number): boolean {
  return a < xmin && !isDead(signed, xmin, a);
}

/**
 * Tells whether a is closer to zero than to xmin on the scale of P2; xmin * SQRT1_2 is exact enough to agree with P2.
 */
function isDead(signed: boolean, xmin: number, a: number): boolean {
  return !signed && a < xmin * Math.SQRT1_2;
}
