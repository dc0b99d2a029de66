/** Updates exponential moving averages: average + weight·(values − average). */

import { CONTROL, CONTROL_LENGTH, type NoAttributes } from './attributes.js';
import type { Definition, Operation } from './definition.js';

const signature = {
  operands: { values: '[...N]', average: '[...N]', control: `[${CONTROL_LENGTH}]` },
  results: {},
} as const;

export type MovingAverage = Operation<typeof signature, NoAttributes>;

export const movingAverageDefinition: Definition<MovingAverage> = {
  op: 'movingAverage',
  ...signature,
  gradient: 'none',
  updates: ['average'],
  compute: ({ values, average, control }) => {
    const weight = control[CONTROL.averageWeight]!;
    for (let i = 0; i < average.length; i++) average[i]! += weight * (values[i]! - average[i]!);
  },
};
