/** Splits weights into parts so small that a float32 convolution of integers with each is exact. */

import { boundedProduct } from '../bounds.js';
import { magnitudeOf, type Product } from '../integerNetwork.js';

/** A part of weights, which are the sum over the parts of `factor`·`values`. */
export interface WeightPart {
  readonly values: Int32Array;
  /** A power of two. */
  readonly factor: number;
}

/** float32 holds every integer up to this one. */
export const wholeFloats = 2 ** 24;
/** Bits of magnitude of a part: few enough for 2^12 products with 8-bit inputs. */
const partBits = 4;

/** Parts with exact partial sums, in any order: bounds are those of magnitudes. */
export function exactParts(product: Product): WeightPart[] {
  const whole: WeightPart = { values: product.weights.values, factor: 1 };
  if (isExact(product, whole.values)) return [whole];
  const parts = partsByBits(whole.values).flatMap(halvedFor(product));
  return parts.filter(({ values }) => values.some((value) => value !== 0));
}

/** Parts of few bits each. */
function partsByBits(values: Int32Array): WeightPart[] {
  const parts: WeightPart[] = [];
  let rest = values;
  for (let factor = 1; rest.some((value) => value !== 0); factor *= 2 ** partBits) {
    parts.push({ values: rest.map((value) => value % 2 ** partBits), factor });
    rest = rest.map((value) => Math.trunc(value / 2 ** partBits));
  }
  return parts;
}

/** Halves a part until its sums are exact: the first half of the inputs of all channels, and the second. */
function halvedFor(product: Product): (part: WeightPart) => WeightPart[] {
  const outputs = product.weights.shape.at(-1)!;
  const halved = ({ values, factor }: WeightPart, from: number, to: number): WeightPart[] => {
    if (isExact(product, values) || to - from === 1) return [{ values, factor }];
    const middle = (from + to) >> 1;
    const within = (first: number, end: number) =>
      values.map((value, index) => (index >= first * outputs && index < end * outputs ? value : 0));
    return [
      ...halved({ values: within(from, middle), factor }, from, middle),
      ...halved({ values: within(middle, to), factor }, middle, to),
    ];
  };
  return (part) => halved(part, 0, part.values.length / outputs);
}

/** Tells whether float32 holds every sum of magnitudes that a channel can reach. */
function isExact(product: Product, values: Int32Array): boolean {
  const { input } = product;
  const weights = { ...product.weights, values: values.map(Math.abs) };
  const magnitudes = { ...input, grid: { type: 'uniform', lo: 0, hi: magnitudeOf(input) } as const };
  return Math.max(...boundedProduct({ ...product, weights, input: magnitudes }).hi) <= wholeFloats;
}
