/** Splits weights into parts so small that a float32 convolution of integers with each is exact. */

import { boundedProduct } from '../bounds.js';
import type { Product } from '../integerNetwork.js';

/** A part of weights, which are the sum over the parts of `factor`·`values`. */
export interface WeightPart {
  readonly values: Int32Array;
  /** A power of two. */
  readonly factor: number;
}

/** float32 holds every integer up to this one. */
export const wholeFloats = 2 ** 24;
/** Bits of magnitude of a part: few enough for 2^16 products with 8-bit inputs. */
const partBits = 4;

/** The fewest parts with exact partial sums, in any order: bounds are those of magnitudes. */
export function exactParts(product: Product): WeightPart[] {
  const whole: WeightPart = { values: product.weights.values, factor: 1 };
  if (largestSum(product, whole) <= wholeFloats) return [whole];
  const parts: WeightPart[] = [];
  let rest = product.weights.values;
  for (let factor = 1; rest.some((value) => value !== 0); factor *= 2 ** partBits) {
    const values = rest.map((value) => value % 2 ** partBits);
    rest = rest.map((value) => Math.trunc(value / 2 ** partBits));
    parts.push({ values, factor });
  }
  return parts.filter(({ values }) => values.some((value) => value !== 0));
}

/** The largest sum of magnitudes that a channel can reach. */
function largestSum(product: Product, { values }: WeightPart): number {
  const weights = { ...product.weights, values: values.map(Math.abs) };
  const { input } = product;
  const reach = Math.max(input.grid.hi, input.grid.type === 'uniform' ? -input.grid.lo : 0);
  const magnitudes = { ...input, grid: { type: 'uniform', lo: 0, hi: reach } as const };
  return Math.max(...boundedProduct({ ...product, weights, input: magnitudes }).hi);
}
