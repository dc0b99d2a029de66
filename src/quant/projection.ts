/**
 * Two safeguards for the learned values of a quantizer in training: a limit on their gradients before the solver's
 * update, and a projection into their limits after it.
 */
import { kindNamed, parameterNames } from './kinds/index.js';
import { inside, limitMargin } from './limits.js';
import type { Interval, ParameterName, Quantizer } from './quantizer.js';
import { clamp } from './rounding.js';

/**
 * Gradients of (p0, p1), the range's included, limited to plus and minus d (U3) or xmin (P3), so that one step cannot
 * overturn a quantizer. Unchanged for kinds that do not learn the ends of their range. Applied only with a size budget,
 * after weight decay.
 */
export function limitGradients(q: Quantizer, p0: number, _p1: number, g0: number, g1: number): [number, number] {
  return kindNamed(q.kind).learnsEnds ? [clamp(g0, -p0, p0), clamp(g1, -p0, p0)] : [g0, g1];
}

/**
 * (p0, p1) after an update, moved inside their limits: first the two ends of U3 and P3 apart from each other, then each
 * value into [min + 1e-5, max - 1e-5]; the upper limit wins. Unchanged for fixed kinds and the older (n, m) kinds.
 */
export function projectParameters(q: Quantizer, p0: number, p1: number): [number, number] {
  const limits = projectionLimits(q);
  if (!limits) return [p0, p1];
  const apart = kindNamed(q.kind).learnsEnds;
  const low = apart ? Math.min(p0, p1 - limitMargin) : p0;
  const high = apart ? Math.max(p0 + limitMargin, p1) : p1;
  return [inside(low, limits[0]), inside(high, limits[1])];
}

/**
 * The limits for the projection of p0 and p1; null for kinds without learned values, or with m, which no setting
 * limits.
 */
export function projectionLimits(q: Quantizer): readonly [Interval, Interval] | null {
  const [first, second] = parameterNames(q.kind);
  if (first === undefined || second === undefined || second === 'm') return null;
  const limitsOf = (name: ParameterName) => (name === 'xmin' ? q.accountingXmin : q.bounds[name]);
  return [limitsOf(first), limitsOf(second)];
}
