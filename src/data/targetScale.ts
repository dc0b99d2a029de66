/** Targets of regression whose scale is not that of a network's first outputs. */

import { momentsOf } from './features.js';
import type { Targets } from './imageSet.js';

/** The largest mean, by amount, and the smallest and largest deviation that the usual learning rates were seen to learn. */
const usual = { mean: 10, deviations: [0.01, 10] } as const;

/**
 * A remark on targets of a loss of values that are far from 0, or whose deviation is far from 1, with a remedy; none for
 * others. `names`: of the outputs, if they have names.
 */
export function targetScaleNotes({ values, shape }: Targets, names: readonly string[], source: string): string[] {
  const [least, most] = usual.deviations;
  const moments = momentsOf(values, shape.at(-1) ?? 1);
  const outputs = moments.mean.map((mean, output) => ({ output, mean, deviation: moments.std[output]! }));
  const strange = outputs.filter(
    ({ mean, deviation }) => Math.abs(mean) > usual.mean || deviation > most || (deviation > 0 && deviation < least),
  );
  const [first] = strange;
  if (!first) return [];
  const name = names[first.output] === String(first.output) ? 'output ' : '';
  const [mean, deviation] = [first.mean, first.deviation].map((value) => Number(value.toPrecision(3)));
  const more = strange.length > 1 ? ` (and ${strange.length - 1} more like these)` : '';
  const remedy = deviation === 0 ? 'subtract the mean' : 'subtract the mean and divide by the deviation';
  return [
    `NOTE: ${source}: targets of ${name}${names[first.output] ?? first.output}${more} have a mean of ${mean} and a deviation of ` +
      `${deviation}; networks learn numbers around 0 with a deviation of 1; ${remedy}, or training may diverge`,
  ];
}
