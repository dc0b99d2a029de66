/**
 * What keeps the learned values of a quantizer sane during training: a limit on their gradients before the solver's
 * update, and a projection into their limits after it.
 */
import type { Interval, ParameterName, Quantizer } from './quantizer.js';
import { parameterNames } from './quantizer.js';
import { clamp } from './rounding.js';

/** Distance that projection keeps from limits and between the two ends of a range. */
export const limitMargin = 1e-5;

/**
 * Gradients of (p0, p1) limited to plus and minus d (U3) or xmin (P3), so that one step cannot overturn a quantizer;
 * the gradient of the range too. Other kinds: unchanged. To be applied only where a size budget is set, after weight
 * decay.
 */
export function limitGradients(q: Quantizer, p0: number, _p1: number, g0: number, g1: number): [number, number] {
  return isRangePair(q) ? [clamp(g0, -p0, p0), clamp(g1, -p0, p0)] : [g0, g1];
}

/**
 * (p0, p1) after an update, back inside their limits: first the two ends of U3 and P3 apart from each other, then each
 * value into [min + 1e-5, max - 1e-5], the upper limit winning. Fixed kinds and the older (n, m) kinds: unchanged.
 */
export function projectParameters(q: Quantizer, p0: number, p1: number): [number, number] {
  const [first, second] = parameterNames(q.kind);
  if (first === undefined || second === undefined || second === 'm') return [p0, p1];
  const apart = isRangePair(q);
  const low = apart ? Math.min(p0, p1 - limitMargin) : p0;
  const high = apart ? Math.max(p0 + limitMargin, p1) : p1;
  return [inside(low, projectionLimits(q, first)), inside(high, projectionLimits(q, second))];
}

function isRangePair(q: Quantizer): boolean {
  return q.kind === 'parametric_fp_d_xmax' || q.kind === 'parametric_pow2_xmin_xmax';
}

function projectionLimits(q: Quantizer, parameter: ParameterName): Interval {
  return parameter === 'xmin' ? q.accountingXmin : q.bounds[parameter];
}

/** A value at least the margin away from its limits, the upper limit winning. */
export function inside(value: number, limits: Interval): number {
  return clamp(value, limits.min + limitMargin, limits.max - limitMargin);
}
