/** How a network's weights (or activations) are quantized: what `nn/` needs of an experiment's settings. */

import type { Quantizer, QuantizerKind } from '../quant/index.js';

export interface QuantizerSettings {
  /** `null`: not quantized. */
  readonly kind: QuantizerKind | null;
  readonly bitwidth: number;
  /** Step to start from where it does not follow from the weights. */
  readonly stepSize: number;
  readonly bounds: Pick<Quantizer, 'bounds' | 'accountingXmin'>;
  readonly recomputeRange: boolean;
  /** Start from the weights' own random start values where no file gives them (the published code does not). */
  readonly startFromWeights: boolean;
  /** Weights (not biases): a step for each output channel. */
  readonly perChannel: boolean;
}
