/**
 * The quantizer of a single element, given the quantizer's two effective values (e0, e1).
 *
 * Every gradient of the element is its upstream gradient g times a factor that depends on x alone, so a backward pass
 * recomputes factors instead of storing masks. A kernel writes dx = g * inputFactor and reduces two sums, s0 = sum g *
 * rangeFactor0 and s1 = sum g * rangeFactor1. The gradients of the learned parameters follow from the sums
 * (`parameterGradients`).
 *
 * | core         | e0    | e1   | s0                  | s1                                    |
 * | ------------ | ----- | ---- | ------------------- | ------------------------------------- |
 * | uniform      | d     | xmax | D, rounding error   | G, elements beyond the ends           |
 * | pow2         | xmin  | xmax | A, elements at xmin | B, elements at xmax                   |
 * | fixedUniform | delta | hi   | 0                   | 0                                     |
 * | fixedPow2    | pmin  | pmax | 0                   | 0                                     |
 */
import { fixedPow2 } from './fixedPow2Element.js';
import { fixedUniform } from './fixedUniformElement.js';
import { pow2 } from './pow2Element.js';
import type { QuantizerCore } from './quantizer.js';
import { uniform } from './uniformElement.js';

/** The four element-wise functions of a core. */
export interface ElementQuantizer {
  /** Q(x). */
  value(signed: boolean, e0: number, e1: number, x: number): number;
  /** dQ/dx. */
  inputFactor(signed: boolean, e0: number, e1: number, x: number): number;
  /** The element's term of s0 for an upstream gradient of 1. */
  rangeFactor0(signed: boolean, e0: number, e1: number, x: number): number;
  /** The element's term of s1 for an upstream gradient of 1. */
  rangeFactor1(signed: boolean, e0: number, e1: number, x: number): number;
}

/** The element-wise functions by core, for loops that look them up once. */
export const elementQuantizers: Readonly<Record<QuantizerCore, ElementQuantizer>> = {
  uniform,
  pow2,
  fixedUniform,
  fixedPow2,
};

/** Q(x) of one element. NaN stays NaN. */
export function quantizeValue(core: QuantizerCore, signed: boolean, e0: number, e1: number, x: number): number {
  return elementQuantizers[core].value(signed, e0, e1, x);
}

/** The gradients of one element for an upstream gradient g: dx, and its terms of s0 and s1. */
export function quantizeGradient(
  core: QuantizerCore,
  signed: boolean,
  e0: number,
  e1: number,
  x: number,
  g: number,
): { dx: number; s0: number; s1: number } {
  const element = elementQuantizers[core];
  return {
    dx: g * element.inputFactor(signed, e0, e1, x),
    s0: g * element.rangeFactor0(signed, e0, e1, x),
    s1: g * element.rangeFactor1(signed, e0, e1, x),
  };
}
