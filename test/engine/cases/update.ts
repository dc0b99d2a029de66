/** The solvers on plain parameters. */

import type { Solver } from '../../../src/ops/attributes.js';
import { type ConformanceCase, caseBuilder } from '../conformanceCase.js';
import { randomValues } from '../randomValues.js';

export const solvers: readonly Solver[] = [
  { type: 'momentum', momentum: 0.9 },
  { type: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
];

export function updateCases(): ConformanceCase[] {
  return solvers.flatMap((solver) =>
    [1, 37, 1000].flatMap((length) => [0, 2e-4].map((weightDecay) => updated(solver, length, weightDecay))),
  );
}

function updated(solver: Solver, length: number, weightDecay: number): ConformanceCase {
  const random = randomValues(1800 + length);
  const c = caseBuilder();
  const parameters = c.state('parameters', [length], random.numbers(length));
  const gradients = c.state('gradients', [length], random.numbers(length), { exact: true });
  const velocity = c.state('velocity', [length], random.numbers(length, -0.1, 0.1));
  const secondMoment =
    solver.type === 'adam' ? c.state('secondMoment', [length], random.numbers(length, 0.01, 0.1)) : null;
  const control = c.input('control', [4], [0.125, 0, 0, 0]);
  const operands = [parameters, gradients, velocity, secondMoment, control];
  c.graph.append('parameterUpdate', operands, [], { solver, weightDecay });
  return c.build(`${solver.type}, ${length} parameters, weight decay ${weightDecay}`, [
    {},
    { writes: { gradients: random.numbers(length), control: [0.0625, 0, 0, 0] } },
    {},
  ]);
}
