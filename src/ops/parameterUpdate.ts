/** The solver's update of a vector of parameters. */

import { CONTROL, CONTROL_LENGTH, type Solver } from './attributes.js';
import type { Definition, Operation } from './definition.js';
import { solverFault, solverStep } from './solver.js';

export interface UpdateRule {
  readonly solver: Solver;
  readonly weightDecay: number;
  /** Learning rate relative to that of `control`; 1 by default. */
  readonly learningRateFactor?: number;
}

const signature = {
  /** `secondMoment`: Adam's. `control`: values that change from step to step (see CONTROL). */
  operands: {
    parameters: '[...N]',
    gradients: '[...N]',
    velocity: '[...N]',
    secondMoment: '[...N]?',
    control: `[${CONTROL_LENGTH}]`,
  },
  results: {},
} as const;

export type ParameterUpdate = Operation<typeof signature, UpdateRule>;

export const parameterUpdateDefinition: Definition<ParameterUpdate> = {
  op: 'parameterUpdate',
  ...signature,
  check: ({ solver }, _sizes, { secondMoment }) => solverFault(solver, secondMoment),
  gradient: 'none',
  updates: ['parameters', 'velocity', 'secondMoment'],
  compute: (
    { parameters, gradients, control, ...state },
    _results,
    { solver, weightDecay, learningRateFactor = 1 },
  ) => {
    const learningRate = learningRateFactor * control[CONTROL.learningRate]!;
    for (let i = 0; i < parameters.length; i++) {
      const gradient = gradients[i]! + weightDecay * parameters[i]!;
      parameters[i]! -= solverStep(solver, learningRate, gradient, i, state);
    }
  },
};
