/** Bits and kB of every layer as a text table, weights and output side by side. */

import type { Variables } from '../nn/index.js';
import { bitsPerKbyte } from '../quant/index.js';
import { type LayerSummary, summaryTable } from './summaryTable.js';

/** The table; empty for a float network. `bits`: bitwidths by tensor. */
export function layerTable({ counted }: Variables, bits: Readonly<Record<string, number>>): string {
  const { tensors, quantizers } = counted;
  if (quantizers.length === 0) return '';
  const layers = new Map<string, LayerSummary>();
  for (const { name, role, count } of tensors) {
    const layer = layerOf(name);
    const ownBits = bits[name] ?? 0;
    const kbytes = (ownBits * count) / bitsPerKbyte;
    const cells =
      role === 'activation'
        ? { activationBits: ownBits, activationKbytes: kbytes }
        : { weightBits: ownBits, weightKbytes: kbytes };
    layers.set(layer, { ...layers.get(layer), layer, ...cells });
  }
  return summaryTable([...layers.values()]);
}

/** The name that a convolution shares with the activation behind it; a bias has a row of its own. */
function layerOf(tensor: string): string {
  return tensor.replace(/\/quantized_(conv|affine)\/W$|\.weight$/, '');
}
