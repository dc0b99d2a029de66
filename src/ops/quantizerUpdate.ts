/** Updates the table of all quantizers after the backward pass. */

import { CONTROL_LENGTH } from './attributes.js';
import type { Definition, Operation } from './definition.js';
import { tableFault } from './prepareQuantizers.js';
import { type QuantizerUpdateAttributes, quantizerUpdate } from './quantizerTable.js';
import { solverFault } from './solver.js';

const signature = {
  /**
   * `sums`: the two reductions of every quantizer's gradients. `bitCaps`: the most bits of a quantizer after the
   * update. `keptShares`: the share of its elements that sizes count.
   */
  operands: {
    table: '[Q,2]',
    sums: '[Q,2]',
    velocity: '[Q,2]',
    secondMoment: '[Q,2]?',
    control: `[${CONTROL_LENGTH}]`,
    bitCaps: '[Q]?',
    keptShares: '[Q]?',
  },
  /**
   * Gradients of the whole loss, the same after weight decay and limiting, and penalties with sizes (see PENALTIES).
   */
  results: { gradients: '[Q,2]', limited: '[Q,2]', penalties: '[6]' },
} as const;

export type QuantizerUpdateOperation = Operation<typeof signature, QuantizerUpdateAttributes>;

export const quantizerUpdateDefinition: Definition<QuantizerUpdateOperation> = {
  op: 'quantizerUpdate',
  ...signature,
  check: ({ rows, solver }, { Q }, { secondMoment }) => tableFault(rows, Q) ?? solverFault(solver, secondMoment),
  gradient: 'none',
  updates: ['table', 'velocity', 'secondMoment'],
  compute: (operands, results, attributes) => quantizerUpdate(attributes, { ...operands, ...results }),
};
