import { describe, expect, it } from 'vitest';
import {
  bitLength,
  clamp,
  clampDerivative,
  exponentOf,
  nearestPowerOfTwo,
  powerOfTwo,
  roundHalfAway,
} from './rounding.js';

/** The float64 numbers just below and just above a positive one. */
function neighbours(v: number): [number, number] {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, v);
  const word = bits.getBigUint64(0);
  return [-1n, 1n].map((step) => {
    bits.setBigUint64(0, word + step);
    return bits.getFloat64(0);
  }) as [number, number];
}

describe('roundHalfAway', () => {
  it('takes halves away from zero', () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, -2.5].map(roundHalfAway)).toEqual([1, 2, 3, -1, -2, -3]);
  });

  it('does not lift what lies just below a half', () => {
    const [below] = neighbours(0.5);
    expect(roundHalfAway(below)).toBe(0);
    expect(Math.abs(roundHalfAway(-below))).toBe(0);
    expect(roundHalfAway(neighbours(1.5)[0])).toBe(1);
  });

  it('leaves large integers, infinities and NaN alone', () => {
    for (const v of [2 ** 52 + 1, -(2 ** 53), Number.POSITIVE_INFINITY, Number.NaN]) expect(roundHalfAway(v)).toBe(v);
  });
});

describe('powers of two', () => {
  it('are exact over the whole range of exponents', () => {
    let expected = Number.MIN_VALUE;
    for (let k = -1074; k <= 1023; k++, expected *= 2) {
      expect(powerOfTwo(k)).toBe(expected);
      if (k >= -1022) expect(exponentOf(expected)).toBe(k);
    }
    expect(powerOfTwo(1024)).toBe(Number.POSITIVE_INFINITY);
    expect(powerOfTwo(-1075)).toBe(0);
  });

  it('P2 keeps powers of two and decides at sqrt(2) to the last bit', () => {
    for (let k = -1000; k <= 1000; k++) {
      const power = powerOfTwo(k);
      const middle = power * Math.SQRT2;
      const [below, above] = neighbours(middle);
      expect(nearestPowerOfTwo(power)).toBe(power);
      expect(nearestPowerOfTwo(neighbours(power)[0])).toBe(power);
      expect(nearestPowerOfTwo(below)).toBe(power);
      expect(nearestPowerOfTwo(middle)).toBe(2 * power);
      expect(nearestPowerOfTwo(above)).toBe(2 * power);
    }
  });

  it('float64 sqrt(2) lies above sqrt(2) and its lower neighbour below, which makes the decision exact', () => {
    const squares = [Math.SQRT2, neighbours(Math.SQRT2)[0]].map((v) => {
      const mantissa = BigInt(v * 2 ** 52);
      return mantissa * mantissa > 1n << 105n;
    });
    expect(squares).toEqual([true, false]);
  });

  it('P2 of zero, infinity and NaN', () => {
    expect(nearestPowerOfTwo(0)).toBe(0);
    expect(nearestPowerOfTwo(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
    expect(nearestPowerOfTwo(Number.NaN)).toBeNaN();
  });
});

describe('bitLength', () => {
  it('steps exactly at powers of two', () => {
    expect([-3, 0, 1, 2, 3, 4].map(bitLength)).toEqual([0, 0, 1, 2, 2, 3]);
    for (let k = 2; k <= 52; k++) {
      expect(bitLength(2 ** k - 1)).toBe(k);
      expect(bitLength(2 ** k)).toBe(k + 1);
    }
  });
});

describe('clamp', () => {
  it('has derivative 1 strictly inside only', () => {
    expect([0, 1, 2, 3, 4].map((v) => clamp(v, 1, 3))).toEqual([1, 1, 2, 3, 3]);
    expect([0, 1, 2, 3, 4].map((v) => clampDerivative(v, 1, 3))).toEqual([0, 0, 1, 0, 0]);
  });

  it('lets the upper limit win', () => {
    expect(clamp(2, 2.1, 1.9)).toBe(1.9);
  });
});
