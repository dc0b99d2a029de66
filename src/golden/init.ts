/** Checks init.json: start values of quantizers, from weights and from settings. */

import { z } from 'zod';
import { parameterNames, type StartValues, startFromWeights, startWithStep } from '../quant/index.js';
import { readGolden } from './goldenFile.js';
import { goldenQuantizer, type NamedNumbers, namedNumbers, type SignedKind, signedKind } from './goldenQuantizer.js';
import type { Tally } from './tally.js';
import { EXACT_ARITHMETIC } from './tolerances.js';

const common = { id: z.string(), bounds: namedNumbers, params: namedNumbers };
const weightKeys = { ...common, w_quantize: signedKind, w_bitwidth: z.number() };
const form = z.object({
  weights_from_data: z.array(z.object({ ...weightKeys, weights: z.array(z.number()) })),
  weights_fresh: z.array(z.object({ ...weightKeys, w_stepsize: z.number() })),
  activations: z.array(z.object({ ...common, a_quantize: signedKind, a_bitwidth: z.number(), a_stepsize: z.number() })),
});

export function checkInit(path: string, tally: Tally): void {
  const { weights_from_data, weights_fresh, activations } = readGolden(path, 'mpdnn-golden/init/1', form);
  for (const { id, w_quantize, w_bitwidth, bounds, weights, params } of weights_from_data) {
    const quantizer = goldenQuantizer(id, w_quantize, bounds, { bitwidth: w_bitwidth });
    check(tally, id, w_quantize, startFromWeights(quantizer, weights), params);
  }
  for (const { id, w_quantize, w_bitwidth, bounds, w_stepsize, params } of weights_fresh) {
    const quantizer = goldenQuantizer(id, w_quantize, bounds, { bitwidth: w_bitwidth });
    check(tally, id, w_quantize, startWithStep(quantizer, w_stepsize), params);
  }
  for (const { id, a_quantize, a_bitwidth, bounds, a_stepsize, params } of activations) {
    const quantizer = goldenQuantizer(id, a_quantize, bounds, { bitwidth: a_bitwidth });
    check(tally, id, a_quantize, startWithStep(quantizer, a_stepsize), params);
  }
}

function check(tally: Tally, id: string, { kind }: SignedKind, start: StartValues, params: NamedNumbers): void {
  tally.begin(id);
  const learned = parameterNames(kind);
  const names = learned.length ? learned : (['n', kind === 'fp' ? 'delta' : 'm'] as const);
  const values = start.fixed ?? start.parameters;
  names.forEach((name, i) => {
    const expected = params[name] ?? Number.NaN;
    tally.near(name, values[i], expected, EXACT_ARITHMETIC * Math.abs(expected));
  });
}
