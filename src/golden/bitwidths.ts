/** Checks bitwidths.json: inferred bitwidths and their straight-through gradients. */

import { z } from 'zod';
import { floatBits, inferredBits, inferredBitsGradient, parameterNames } from '../quant/index.js';
import { readGolden } from './goldenFile.js';
import { goldenQuantizer, learnedPair, namedNumbers, signedKind } from './goldenQuantizer.js';
import type { Tally } from './tally.js';
import { EXACT_ARITHMETIC } from './tolerances.js';

const form = z.object({
  cases: z.array(
    z.object({
      id: z.string(),
      kind: signedKind,
      params: namedNumbers,
      bounds: namedNumbers,
      bits: z.number(),
      dbits: namedNumbers,
    }),
  ),
  fixed: z.array(
    z.object({ kind: signedKind.nullable(), configured_bitwidth: z.number().nullable(), bits: z.number() }),
  ),
});

export function checkBitwidths(path: string, tally: Tally): void {
  const { cases, fixed } = readGolden(path, 'mpdnn-golden/bitwidths/1', form);
  for (const { id, kind: signed, params, bounds, bits, dbits } of cases) {
    tally.begin(id);
    const quantizer = goldenQuantizer(id, signed, bounds);
    const [p0, p1] = learnedPair(signed.kind, params);
    tally.same('bits', inferredBits(quantizer, p0, p1), bits);
    const gradient = inferredBitsGradient(quantizer, p0, p1);
    parameterNames(signed.kind).forEach((name, i) => {
      const expected = dbits[name] ?? Number.NaN;
      tally.near(`d(bits)/d(${name})`, gradient[i], expected, EXACT_ARITHMETIC * Math.abs(expected));
    });
  }
  for (const { kind, configured_bitwidth, bits } of fixed) {
    const id = `fixed/${kind?.kind ?? 'not quantized'}`;
    tally.begin(id);
    const quantizer = kind && goldenQuantizer(id, kind, {}, { bitwidth: configured_bitwidth ?? Number.NaN });
    tally.same('bits', quantizer ? inferredBits(quantizer, 0, 0) : floatBits, bits);
  }
}
