/**
 * The power-of-two quantizer without learned values: magnitudes pmin ... pmax, and zero if unsigned. Unlike that of the
 * learned form its gradient is 1 everywhere, also where y is 0, except above sqrt(2) pmax and for negative inputs if
 * unsigned.
 */
import type { ElementQuantizer } from './elementQuantizer.js';
import { clamp, nearestPowerOfTwo } from './rounding.js';

/** Powers of two, fixed; e0 is the smallest magnitude, e1 the largest. */
export const fixedPow2: ElementQuantizer = {
  value: (signed, pmin, pmax, x) => {
    if (!signed && x < pmin * Math.SQRT1_2) return 0;
    const magnitude = clamp(nearestPowerOfTwo(Math.abs(x)), pmin, pmax);
    return x < 0 ? -magnitude : magnitude;
  },

  inputFactor: (signed, _pmin, pmax, x) => (nearestPowerOfTwo(Math.abs(x)) > pmax || (!signed && x < 0) ? 0 : 1),

  rangeFactor0: () => 0,
  rangeFactor1: () => 0,
};
