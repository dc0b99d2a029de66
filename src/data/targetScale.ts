/** Targets of regression whose scale is not that of a network's first outputs. */

import type { Targets } from './imageSet.js';

/** The largest mean, by amount, and the smallest and largest deviation that the usual learning rates were seen to learn. */
const usual = { mean: 10, deviations: [0.01, 10] } as const;

/**
 * A remark on targets of a loss of values that are far from 0, or whose deviation is far from 1, with a remedy; none for
 * others. `names`: of the outputs.
 */
export function targetScaleNotes({ values, shape }: Targets, names: readonly string[], source: string): string[] {
  const outputs = shape.at(-1) ?? 1;
  const count = values.length / outputs;
  const strange = Array.from({ length: outputs }, (_, output) => {
    const own = Array.from({ length: count }, (_, index) => values[index * outputs + output]!);
    const mean = own.reduce((sum, value) => sum + value, 0) / count;
    const deviation = Math.sqrt(own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count);
    return { name: names[output] ?? String(output), mean, deviation };
  }).find(({ mean, deviation }) => {
    const [least, most] = usual.deviations;
    return Math.abs(mean) > usual.mean || deviation > most || (deviation > 0 && deviation < least);
  });
  if (!strange) return [];
  const [mean, deviation] = [strange.mean, strange.deviation].map((value) => Number(value.toPrecision(3)));
  return [
    `NOTE: ${source}: targets of ${strange.name} have a mean of ${mean} and a deviation of ${deviation}; networks learn ` +
      'numbers around 0 with a deviation of 1; subtract the mean and divide by the deviation, or training may diverge',
  ];
}
