/** Checks clipping.json: limited gradients and projected values of quantizers. */

import { z } from 'zod';
import { limitGradients, parameterNames, projectParameters } from '../quant/index.js';
import { readGolden } from './goldenFile.js';
import {
  goldenQuantizer,
  learnedPair,
  type NamedNumbers,
  namedNumbers,
  type SignedKind,
  signedKind,
} from './goldenQuantizer.js';
import type { Tally } from './tally.js';
import { EXACT_ARITHMETIC } from './tolerances.js';

const common = { id: z.string(), kind: signedKind, params: namedNumbers };
const form = z.object({
  gradient_clipping: z.array(
    z.object({ ...common, constraint_set: z.boolean(), grads: namedNumbers, clipped_grads: namedNumbers }),
  ),
  value_projection: z.array(z.object({ ...common, bounds: namedNumbers, projected: namedNumbers })),
});

export function checkClipping(path: string, tally: Tally): void {
  const { gradient_clipping, value_projection } = readGolden(path, 'mpdnn-golden/clipping/1', form);
  for (const { id, kind, params, constraint_set, grads, clipped_grads } of gradient_clipping) {
    tally.begin(id);
    const gradients = learnedPair(kind.kind, grads);
    const quantizer = goldenQuantizer(id, kind, {});
    const limited = constraint_set
      ? limitGradients(quantizer, ...learnedPair(kind.kind, params), ...gradients)
      : gradients;
    check(tally, 'limited gradient of', kind, limited, clipped_grads);
  }
  for (const { id, kind, params, bounds, projected } of value_projection) {
    tally.begin(id);
    const values = projectParameters(goldenQuantizer(id, kind, bounds), ...learnedPair(kind.kind, params));
    check(tally, 'projected', kind, values, projected);
  }
}

function check(
  tally: Tally,
  what: string,
  { kind }: SignedKind,
  actual: readonly [number, number],
  expected: NamedNumbers,
): void {
  parameterNames(kind).forEach((name, i) => {
    const value = expected[name] ?? Number.NaN;
    tally.near(`${what} ${name}`, actual[i], value, EXACT_ARITHMETIC * Math.abs(value));
  });
}
