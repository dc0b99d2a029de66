/**
 * Detects quantizers that round most of their weights to zero before training begins, so that gradients carry little
 * information.
 */

import { exponentsName, type Variables } from '../nn/index.js';
import { tensorOf } from '../program/quantizerReport.js';
import { channelScale, coreOf, effectiveRange, elementQuantizers } from '../quant/index.js';

/** The largest normal fraction: with two bits a good step rounds half to three quarters of all weights to zero. */
const MOST_ZEROS = 0.9;

/** A warning about weights that are mostly rounded to zero at the start, with a remedy; `null` if there are none. */
export function zeroedWeights(variables: Variables): string | null {
  const rows = variables.quantizers.flatMap(({ role }, row) => (role === 'weight' ? [row] : []));
  const shares = rows.map((row) => ({ row, share: shareOfZeros(variables, row) }));
  const zeroed = shares.filter(({ share }) => share > MOST_ZEROS).sort((a, b) => b.share - a.share);
  const [worst] = zeroed;
  if (!worst) return null;
  const { name } = variables.quantizers[worst.row]!;
  return (
    `NOTE: ${zeroed.length} of ${rows.length} weights start with more than ${100 * MOST_ZEROS} % zeros, ` +
    `${tensorOf(name)} with ${(100 * worst.share).toFixed(0)} %: ` +
    'w_stepsize = auto, more bits or w_per_channel = true keep more of them'
  );
}

/** The fraction of initial values that the quantizer rounds to zero. */
function shareOfZeros(variables: Variables, row: number): number {
  const { quantizers, table } = variables;
  const quantizer = quantizers[row]!;
  const [e0, e1] = effectiveRange(quantizer, table[2 * row]!, table[2 * row + 1]!);
  const { value } = elementQuantizers[coreOf(quantizer.kind)];
  const { start } = variables.find(tensorOf(quantizer.name))!;
  const scales = [...(variables.find(exponentsName(quantizer))?.start ?? [0])].map(channelScale);
  let zeros = 0;
  for (let i = 0; i < start.length; i++) {
    const scale = scales[i % scales.length]!;
    if (value(quantizer.signed, scale * e0, scale * e1, start[i]!) === 0) zeros++;
  }
  return zeros / start.length;
}
