/** The most bits that all tensors can have equally under a budget. */

import { keepsLimits, type Limit, type Quantizer } from '../quant/index.js';

/** Bits of the first and the last layer, if these differ from the others. */
export const endBits = 8;

/**
 * The most bits from `least` to `most` that every quantizer can have within the limits, except `exceptions`, which have
 * {@link endBits}; `null` if not even `least` fits.
 */
export function homogeneousBits(
  quantizers: readonly Quantizer[],
  limits: readonly Limit[],
  { least, most }: { readonly least: number; readonly most: number },
  exceptions: readonly Quantizer[] = [],
): number | null {
  for (let bits = most; bits >= least; bits--) {
    const all = quantizers.map((quantizer) => (exceptions.includes(quantizer) ? endBits : bits));
    if (keepsLimits(limits, all)) return bits;
  }
  return null;
}

/** The quantizers of the first and the last layer: the first weight, and all from the last weight. */
export function endsOf(quantizers: readonly Quantizer[]): Quantizer[] {
  const parameters = quantizers.filter(({ role }) => role !== 'activation');
  const first = parameters.findIndex(({ role }) => role === 'weight');
  const last = parameters.findLastIndex(({ role }) => role === 'weight');
  return parameters.filter((_, at) => at === first || at >= last);
}
