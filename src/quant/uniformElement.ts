/**
 * The uniform quantizer with a learned step d and range xmax (U1, U2 and U3 differ only in how these are computed):
 *
 *     c = clip(x; lo, xmax)      lo = -xmax if signed, else 0
 *     y = d R(c / d)
 *
 * R is straight-through, so dy/dx is 1 inside the range and 0 outside, dy/dd = (y - c)/d, and the range gets the
 * gradient of the elements beyond it. Clipping comes before rounding, as published: |y| may exceed xmax by up to d/2,
 * and clipped elements still contribute to dy/dd. On a clip boundary the gradient belongs to the boundary.
 */
import type { ElementQuantizer } from './elementQuantizer.js';
import { clamp, roundHalfAway } from './rounding.js';

/** The learned uniform quantizer; e0 is the step d, e1 the upper end xmax. */
export const uniform: ElementQuantizer = {
  value: (signed, d, xmax, x) => d * roundHalfAway(clip(signed, xmax, x) / d),

  inputFactor: (signed, _d, xmax, x) => (x > lowerEnd(signed, xmax) && x < xmax ? 1 : 0),

  /** (y - c)/d: the rounding error in steps, between -1/2 and 1/2; its sum is D. */
  rangeFactor0: (signed, d, xmax, x) => {
    const steps = clip(signed, xmax, x) / d;
    return roundHalfAway(steps) - steps;
  },

  /** dc/dxmax: 1 at and above the upper end, -1 at and below a lower end that moves with it; its sum is G. */
  rangeFactor1: (signed, _d, xmax, x) => {
    if (x >= xmax) return 1;
    return signed && x <= -xmax ? -1 : 0;
  },
};

function lowerEnd(signed: boolean, xmax: number): number {
  return signed ? -xmax : 0;
}

function clip(signed: boolean, xmax: number, x: number): number {
  return clamp(x, lowerEnd(signed, xmax), xmax);
}
