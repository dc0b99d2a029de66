/**
 * The solvers' update of one value: SGD with momentum or Nesterov momentum, and Adam (Kingma and Ba, arXiv 1412.6980)
 * with the bias corrections in the learning rate. Shared by every engine that computes in JavaScript; float32 arrays
 * round on storing.
 *
 * With velocity v, momentum μ, learning rate η and gradient g: v' = μ·v + η·g. The step is v', or with Nesterov
 * momentum μ·v' + η·g, the form whose parameters are the points where gradients are taken (Sutskever et al. 2013).
 */

import type { Solver } from './attributes.js';

/** A vector that is updated in place: a typed array of any float type. */
export interface MutableNumbers {
  readonly length: number;
  [index: number]: number;
}

/** The moments that a solver keeps between steps; the second is Adam's. */
export interface SolverState {
  readonly velocity: MutableNumbers;
  readonly secondMoment: MutableNumbers | null;
}

/**
 * The amount to subtract from value i of the parameters. Updates the state.
 *
 * @throws {Error} for Adam without second moments.
 */
export function solverStep(
  solver: Solver,
  learningRate: number,
  gradient: number,
  i: number,
  { velocity, secondMoment }: SolverState,
): number {
  switch (solver.type) {
    case 'momentum': {
      const moved = solver.momentum * velocity[i]! + learningRate * gradient;
      velocity[i] = moved;
      return solver.nesterov ? solver.momentum * moved + learningRate * gradient : moved;
    }
    case 'adam': {
      if (!secondMoment) throw new Error('Adam needs a second moment');
      const mean = solver.beta1 * velocity[i]! + (1 - solver.beta1) * gradient;
      const square = solver.beta2 * secondMoment[i]! + (1 - solver.beta2) * gradient * gradient;
      velocity[i] = mean;
      secondMoment[i] = square;
      return (learningRate * mean) / (Math.sqrt(square) + solver.epsilon);
    }
    default:
      return solver satisfies never;
  }
}

/** The error of the operands of a solver's update; null for none. */
export function solverFault(solver: Solver, secondMoment: unknown): string | null {
  return solver.type === 'adam' && !secondMoment ? 'secondMoment is missing, which Adam needs' : null;
}
