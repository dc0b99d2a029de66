/** Seeded numbers that float32 holds exactly: any, on a dyadic grid, and away from where a function jumps. */

import type { Activation, ActivationFunction } from '../../src/ops/attributes.js';
import { elementQuantizers } from '../../src/quant/index.js';
import { mulberry32 } from '../mulberry32.js';

export interface RandomValues {
  /** Uniform in [min, max). */
  number(min: number, max: number): number;
  /** Uniform in [min, max), one after another. */
  numbers(count: number, min?: number, max?: number): number[];
  /** Integers in [min, max]. */
  integers(count: number, min: number, max: number): number[];
  /** Multiples of 2^-fractionBits within ±limit: sums of products of a few thousand are exact in float32. */
  dyadic(count: number, limit?: number, fractionBits?: number): number[];
}

export function randomValues(seed: number): RandomValues {
  const next = mulberry32(seed);
  const number = (min: number, max: number) => Math.fround(min + (max - min) * next());
  const integer = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  const times = (count: number, draw: () => number) => Array.from({ length: count }, draw);
  return {
    number,
    numbers: (count, min = -1, max = 1) => times(count, () => number(min, max)),
    integers: (count, min, max) => times(count, () => integer(min, max)),
    dyadic: (count, limit = 1, fractionBits = 3) =>
      times(count, () => integer(-limit * 2 ** fractionBits, limit * 2 ** fractionBits) / 2 ** fractionBits),
  };
}

/** Effective ranges that suit each core in the cases, in three rows of which the second is meant. */
export const rangesOf = {
  uniform: [9, 9, 0.25, 1.3125, 9, 9],
  pow2: [9, 9, 0.125, 1, 9, 9],
  fixedUniform: [9, 9, 0.25, 0.75, 9, 9],
  fixedPow2: [9, 9, 0.0625, 1, 9, 9],
} as const;

/** Places where the derivatives of the functions jump; two have none. */
const kinks: Readonly<Record<ActivationFunction, readonly number[]>> = {
  relu: [0],
  relu6: [0, 6],
  sigmoid: [],
  hardSigmoid: [-3, 3],
  hardSwish: [-3, 3],
  silu: [],
};

/** Every activation: the functions, and each core of a quantizer signed and unsigned. */
export const activations: readonly Activation[] = [
  { type: 'relu' },
  { type: 'relu6' },
  ...(['uniform', 'pow2', 'fixedUniform', 'fixedPow2'] as const).flatMap((core) =>
    [true, false].map((signed) => ({ type: 'quantize', row: 1, core, signed }) as const),
  ),
  { type: 'sigmoid' },
  { type: 'hardSigmoid' },
  { type: 'hardSwish' },
  { type: 'silu' },
];

/** Values of magnitudes up to this meet all parts of an activation. */
export function spreadOf(activation: Activation | null): number {
  return activation === null || activation.type === 'relu' || activation.type === 'quantize' ? 2 : 8;
}

/** Tells whether float32 holds an activation's values of multiples of 1/32, and its derivative, exactly. */
export function isExact({ type }: Activation): boolean {
  return type === 'relu' || type === 'relu6' || type === 'quantize';
}

export function activationName(activation: Activation | null): string {
  if (!activation) return 'no activation';
  return activation.type === 'quantize'
    ? `${activation.signed ? 'signed' : 'unsigned'} ${activation.core}`
    : activation.type;
}

/** Tells whether neither the activation nor a derivative of it jumps near z, such that rounding errors of z cannot matter. */
export function isSmoothAt(activation: Activation | null, z: number): boolean {
  if (!activation) return true;
  const near = 1e-3;
  if (activation.type !== 'quantize') return kinks[activation.type].every((kink) => Math.abs(z - kink) > near);
  const { core, signed } = activation;
  const [, , e0, e1] = rangesOf[core];
  const element = elementQuantizers[core];
  const jump = (f: keyof typeof element) =>
    Math.abs(element[f](signed, e0, e1, z + near) - element[f](signed, e0, e1, z - near));
  return jump('value') === 0 && jump('inputFactor') < 0.25 && jump('rangeFactor0') < 0.25 && jump('rangeFactor1') === 0;
}

export function sumOfMagnitudes(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + Math.abs(value), 0);
}
