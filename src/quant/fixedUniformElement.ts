/**
 * The uniform quantizer without learned values: step delta, largest level hi = (2^(n-s) - 1) delta, s = 1 if signed.
 * Unlike the learned form it passes the gradient at both ends of its range.
 */
import type { ElementQuantizer } from './elementQuantizer.js';
import { roundHalfAway } from './rounding.js';

/** Uniform, fixed; e0 is the step delta, e1 the largest level. */
export const fixedUniform: ElementQuantizer = {
  value: (signed, delta, hi, x) => {
    const lo = signed ? -hi : 0;
    if (x > hi) return hi;
    return x < lo ? lo : delta * roundHalfAway(x / delta);
  },

  inputFactor: (signed, _delta, hi, x) => (x >= (signed ? -hi : 0) && x <= hi ? 1 : 0),

  rangeFactor0: () => 0,
  rangeFactor1: () => 0,
};
