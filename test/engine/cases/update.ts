/** The solvers on plain parameters, one vector in ranges with and without weight decay, and moving averages. */

import type { Tensor } from '../../../src/graph/tensor.js';
import { CONTROL_LENGTH, type Solver } from '../../../src/ops/attributes.js';
import { type ConformanceCase, caseBuilder } from '../conformanceCase.js';
import { randomValues } from '../randomValues.js';

export const solvers: readonly Solver[] = [
  { type: 'momentum', momentum: 0.9 },
  { type: 'momentum', momentum: 0.9, nesterov: true },
  { type: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
];

export function updateCases(): ConformanceCase[] {
  return [
    ...solvers.flatMap((solver) => [
      ...[1, 37, 1000].flatMap((length) => [0, 2e-4].map((weightDecay) => updated(solver, length, weightDecay))),
      inRanges(solver, [48, 21]),
      inRanges(solver, [7, 30]),
    ]),
    ...[1, 37, 1000, 40_000].map(averaged),
  ];
}

export function solverName(solver: Solver): string {
  return solver.type === 'momentum' && solver.nesterov ? 'nesterov' : solver.type;
}

function updated(solver: Solver, length: number, weightDecay: number): ConformanceCase {
  const random = randomValues(1800 + length);
  const c = caseBuilder();
  const parameters = c.state('parameters', [length], random.numbers(length));
  const gradients = c.state('gradients', [length], random.numbers(length), { exact: true });
  const velocity = c.state('velocity', [length], random.numbers(length, -0.1, 0.1));
  const secondMoment =
    solver.type === 'adam' ? c.state('secondMoment', [length], random.numbers(length, 0.01, 0.1)) : null;
  const control = c.input('control', [CONTROL_LENGTH], [0.125, 0, 0, 0, 0, 0]);
  const operands = { parameters, gradients, velocity, secondMoment, control };
  c.graph.append('parameterUpdate', operands, {}, { solver, weightDecay });
  return c.build(`${solverName(solver)}, ${length} parameters, weight decay ${weightDecay}`, [
    {},
    { writes: { gradients: random.numbers(length), control: [0.0625, 0, 0, 0] } },
    {},
  ]);
}

/** Two updates of neighbouring parts of the same vectors; only the first part decays, the second learns slower. */
function inRanges(solver: Solver, lengths: readonly [number, number]): ConformanceCase {
  const length = lengths[0] + lengths[1];
  const random = randomValues(1850 + length);
  const c = caseBuilder();
  const vectors = {
    parameters: c.state('parameters', [length], random.numbers(length)),
    gradients: c.state('gradients', [length], random.numbers(length), { exact: true }),
    velocity: c.state('velocity', [length], random.numbers(length, -0.1, 0.1)),
    secondMoment: solver.type === 'adam' ? c.state('secondMoment', [length], random.numbers(length, 0.01, 0.1)) : null,
  };
  const control = c.input('control', [CONTROL_LENGTH], [0.125, 0, 0, 0, 0, 0]);
  let start = 0;
  for (const [index, part] of lengths.entries()) {
    const own = (whole: Tensor) => c.part(whole, `${whole.name} ${index}`, start, [part]);
    const { parameters, gradients, velocity, secondMoment } = vectors;
    const operands = {
      parameters: own(parameters),
      gradients: own(gradients),
      velocity: own(velocity),
      secondMoment: secondMoment && own(secondMoment),
      control,
    };
    c.graph.append(
      'parameterUpdate',
      operands,
      {},
      {
        solver,
        weightDecay: index === 0 ? 0.1 : 0,
        learningRateFactor: index === 0 ? 1 : 0.375,
      },
    );
    start += part;
  }
  return c.build(`${solverName(solver)}, ${lengths[0]} parameters with and ${lengths[1]} without decay, slower`, [
    {},
    {},
  ]);
}

function averaged(length: number): ConformanceCase {
  const random = randomValues(1890 + length);
  const c = caseBuilder();
  const values = c.state('values', [length], random.numbers(length), { exact: true });
  const average = c.state('average', [length], random.numbers(length));
  const control = c.input('control', [CONTROL_LENGTH], [0.5, 0, 0, 1, 0, 0]);
  c.graph.append('movingAverage', { values, average, control }, {}, {});
  return c.build(`moving average of ${length} values`, [
    {},
    { writes: { values: random.numbers(length), control: [0.5, 0, 0, 0.25] } },
    { writes: { values: random.numbers(length), control: [0.5, 0, 0, 0.001] } },
  ]);
}
