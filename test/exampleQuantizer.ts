/** A quantizer for tests, with the limits that experiments have by default. */

import { type Quantizer, type QuantizerKind, wideLimitsOfM } from '../src/quant/index.js';

type Changes = Partial<Omit<Quantizer, 'kind' | 'bounds'>> & { readonly bounds?: Partial<Quantizer['bounds']> };

/** Four bits of one weight; what is no weight is unsigned, and xmin counts within its limits, unless `changes` say so. */
export function exampleQuantizer(kind: QuantizerKind, { bounds, ...changes }: Changes = {}): Quantizer {
  const role = changes.role ?? 'weight';
  const signed = changes.signed ?? role !== 'activation';
  const limits = {
    n: { min: signed ? 2 : 1, max: 8 },
    m: wideLimitsOfM,
    d: { min: 2 ** -8, max: 1 },
    xmin: { min: 2 ** -16, max: 127 },
    xmax: { min: 2 ** -8, max: 127 },
    ...bounds,
  };
  const fixed: Partial<Record<QuantizerKind, readonly [number, number]>> = { fp: [4, 0.25], pow2: [4, 2] };
  return {
    ...{ name: 'q', role, kind, signed, count: 1, bitwidth: 4 },
    ...{ bounds: limits, accountingXmin: limits.xmin, fixed: fixed[kind] ?? null },
    ...changes,
  };
}
