/** The bits and kB of every layer as text: a row a layer, its weights and its output side by side. */

import type { Variables } from '../nn/index.js';
import { bitsPerKbyte } from '../quant/index.js';
import { type LayerSummary, summaryTable } from '../report/summaryTable.js';

/** `bits`: by row of the quantizers' table. Empty for a float network. */
export function layerTable({ quantizers }: Variables, bits: ArrayLike<number>): string {
  const layers = new Map<string, LayerSummary>();
  quantizers.forEach(({ name, role, count }, row) => {
    const layer = layerOf(name);
    const kbytes = (bits[row]! * count) / bitsPerKbyte;
    const cells =
      role === 'activation'
        ? { activationBits: bits[row]!, activationKbytes: kbytes }
        : { weightBits: bits[row]!, weightKbytes: kbytes };
    layers.set(layer, { ...layers.get(layer), layer, ...cells });
  });
  return layers.size ? summaryTable([...layers.values()]) : '';
}

/** What a convolution and the activation behind it have in common; a bias keeps a row of its own. */
function layerOf(quantizer: string): string {
  return quantizer.replace(/(\/quantized_(conv|affine)\/W|\.weight)quant$|\/Aquant$/, '').replace(/quant$/, '');
}
