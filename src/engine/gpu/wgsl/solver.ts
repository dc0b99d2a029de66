/** The solvers' arithmetic in WGSL, for one number or four: see `ops/solver.ts`. */

import type { Solver } from '../../../ops/attributes.js';

/**
 * WGSL that declares `step`, the amount to subtract from the parameters, from `gradient` and `rate`, and updates the
 * state.
 *
 * @param number WGSL of one of the solver's numbers
 * @param velocity WGSL to load and store the velocity
 * @param secondMoment WGSL to load and store Adam's second moment
 */
export function solverStep(
  solver: Solver,
  number: (value: number) => string,
  velocity: { readonly load: string; readonly store: (value: string) => string },
  secondMoment: { readonly load: string; readonly store: (value: string) => string } | null,
): string {
  switch (solver.type) {
    case 'momentum':
      return solver.nesterov
        ? `let moved = ${number(solver.momentum)} * ${velocity.load} + rate * gradient;
  ${velocity.store('moved')}
  let step = ${number(solver.momentum)} * moved + rate * gradient;`
        : `let step = ${number(solver.momentum)} * ${velocity.load} + rate * gradient;
  ${velocity.store('step')}`;
    case 'adam': {
      if (!secondMoment) throw new Error('Adam needs a second moment');
      const blend = (old: string, weight: number, value: string) =>
        `${number(weight)} * ${old} + ${number(1 - weight)} * ${value}`;
      return `let mean = ${blend(velocity.load, solver.beta1, 'gradient')};
  let square = ${blend(secondMoment.load, solver.beta2, 'gradient * gradient')};
  ${velocity.store('mean')}
  ${secondMoment.store('square')}
  let step = rate * mean / (sqrt(square) + ${number(solver.epsilon)});`;
    }
    default:
      return solver satisfies never;
  }
}
