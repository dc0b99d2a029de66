/** How a network's weights (or activations) are quantized: what `nn/` needs of an experiment's settings. */

import { type Quantizer, type QuantizerKind, wideLimitsOfM } from '../quant/index.js';

export interface QuantizerSettings {
  /** `null`: not quantized. */
  readonly kind: QuantizerKind | null;
  readonly bitwidth: number;
  /** Step to start from; `auto`: what suits the weights best; `published`: 1/8, or what follows from a file's weights. */
  readonly stepSize: number | 'auto' | 'published';
  readonly bounds: Pick<Quantizer, 'bounds' | 'accountingXmin'>;
  readonly recomputeRange: boolean;
  /** Weights (not biases): a step for each output channel. */
  readonly perChannel: boolean;
}

const anything = { min: 0, max: 1 };
/** Settings of weights or activations that have no quantizer. */
export const unquantized: QuantizerSettings = {
  kind: null,
  bitwidth: 32,
  stepSize: 'published',
  bounds: {
    bounds: { n: anything, d: anything, xmin: anything, xmax: anything, m: wideLimitsOfM },
    accountingXmin: anything,
  },
  recomputeRange: false,
  perChannel: false,
};
