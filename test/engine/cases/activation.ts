/** Activations by themselves: away from jumps with a tolerance, and on a grid with every tie and boundary exactly. */

import type { Activation } from '../../../src/ops/attributes.js';
import { type ConformanceCase, caseBuilder } from '../conformanceCase.js';
import {
  activationName,
  activations,
  isExact,
  isSmoothAt,
  randomValues,
  rangesOf,
  spreadOf,
  sumOfMagnitudes,
} from '../randomValues.js';

export function activationCases(): ConformanceCase[] {
  return activations.flatMap((activation, i) => [
    away(activation, [2, 3, 5, 7], 700 + i),
    away(activation, [4099], 800 + i),
    away(activation, [1], 850 + i),
    onGrid(activation, 900 + i),
    notFinite(activation),
  ]);
}

function away(activation: Activation, shape: readonly number[], seed: number): ConformanceCase {
  const random = randomValues(seed);
  const length = shape.reduce((a, b) => a * b, 1);
  const limit = spreadOf(activation);
  const draw = (): number => {
    const x = random.number(-limit, limit);
    return isSmoothAt(activation, x) ? x : draw();
  };
  const xs = Array.from({ length }, draw);
  return bothWays(activation, shape, xs, random.numbers(length), false, activationName(activation));
}

function onGrid(activation: Activation, seed: number): ConformanceCase {
  const limit = spreadOf(activation);
  const xs = Array.from({ length: 64 * limit + 1 }, (_, i) => i / 32 - limit);
  const dy = randomValues(seed).dyadic(xs.length);
  return bothWays(activation, [xs.length], xs, dy, isExact(activation), `${activationName(activation)} on a grid`);
}

/** A network that has diverged must not look healthy behind an activation. */
function notFinite(activation: Activation): ConformanceCase {
  const xs = [Number.NaN, 1, Number.POSITIVE_INFINITY, -1, Number.NEGATIVE_INFINITY, 0.5, Number.NaN];
  const c = caseBuilder();
  const ranges = activation.type === 'quantize' ? c.input('ranges', [3, 2], rangesOf[activation.core]) : null;
  const y = c.output('y', [xs.length], { exact: isExact(activation) });
  c.graph.append('activation', { x: c.input('x', [xs.length], xs), ranges }, { y }, { activation });
  return c.build(`${activationName(activation)} of what is not finite`);
}

function bothWays(
  activation: Activation,
  shape: readonly number[],
  xs: number[],
  dy: number[],
  exact: boolean,
  name: string,
): ConformanceCase {
  const c = caseBuilder();
  const quantized = activation.type === 'quantize';
  const x = c.input('x', shape, xs);
  const ranges = quantized ? c.input('ranges', [3, 2], rangesOf[activation.core]) : null;
  const upstream = c.input('dy', shape, dy);
  const sums = quantized ? c.output('sums', [2], { exact, scale: sumOfMagnitudes(dy) }) : null;
  const quotients = quantized && activation.core === 'pow2';
  c.graph.append('activation', { x, ranges }, { y: c.output('y', shape, { exact }) }, { activation });
  const dx = c.output('dx', shape, { exact: exact && !quotients });
  c.graph.append('activationGradient', { x, ranges, dy: upstream }, { dx, sums }, { activation });
  return c.build(`${name} of [${shape}]`);
}
