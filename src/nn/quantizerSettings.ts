/** How a network's weights (or activations) are quantized: what `nn/` needs of an experiment's settings. */

import type { Quantizer, QuantizerKind } from '../quant/index.js';

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
