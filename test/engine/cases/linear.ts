/** Fully connected layers. */

import { type ConformanceCase, caseBuilder } from '../conformanceCase.js';
import { randomValues } from '../randomValues.js';

const sizes = [
  [4, 64, 10],
  [1, 3, 5],
  [5, 7, 1],
  [3, 512, 100],
  [8, 33, 17],
] as const;

export function linearCases(): ConformanceCase[] {
  return sizes.flatMap((size, i) => [all(size, 1400 + i, false), all(size, 1500 + i, true)]);
}

function all([batch, inputs, outputs]: (typeof sizes)[number], seed: number, exact: boolean): ConformanceCase {
  const random = randomValues(seed);
  const values = (count: number) => (exact ? random.dyadic(count) : random.numbers(count));
  const c = caseBuilder();
  const x = c.input('x', [batch, inputs], values(batch * inputs));
  const w = c.input('w', [inputs, outputs], values(inputs * outputs));
  const b = c.input('b', [outputs], values(outputs));
  const dy = c.input('dy', [batch, outputs], values(batch * outputs));
  const db = c.output('db', [outputs], { exact, scale: batch });
  c.graph.append('linear', { x, w, b }, { y: c.output('y', [batch, outputs], { exact }) }, {});
  c.graph.append('linearInputGradient', { dy, w }, { dx: c.output('dx', [batch, inputs], { exact }) }, {});
  c.graph.append('linearWeightGradient', { x, dy }, { dw: c.output('dw', [inputs, outputs], { exact }), db }, {});
  return c.build(`${batch} times ${inputs}→${outputs}${exact ? ', exactly' : ''}`);
}
