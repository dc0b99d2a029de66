/** How a network's weights (or activations) are quantized: what `nn/` needs of an experiment's settings. */

import { type ActivationSource, type Quantizer, type QuantizerKind, wideLimitsOfM } from '../quant/index.js';

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
  /** Activations: operands of one sum, or side by side, share a quantizer. */
  readonly shared: boolean;
}

/** The settings of activations by where they come from, and of single tensors. */
export interface ActivationSettings {
  readonly activations: QuantizerSettings;
  /** Settings of outputs without a ReLU; without any these are neither quantized nor counted. */
  readonly linear?: QuantizerSettings | null;
  /** Settings of the images; likewise. */
  readonly input?: QuantizerSettings | null;
  /** Settings of single tensors, by name, instead of those of their role. */
  readonly exceptions?: Readonly<Record<string, QuantizerSettings>>;
}

/** Those of all activations from a source; null: where they are not quantized they are not counted. */
export function settingsOfSource(
  { activations, linear = null, input = null }: ActivationSettings,
  source: ActivationSource,
): QuantizerSettings | null {
  switch (source) {
    case 'rectified':
      return activations;
    case 'linear':
      return linear;
    case 'input':
      return input;
    default:
      return source satisfies never;
  }
}

/** The settings of activations that no ReLU has made positive: of the bits one is the sign. */
export function withSign(settings: QuantizerSettings): QuantizerSettings {
  const { bounds, accountingXmin } = settings.bounds;
  const n = { ...bounds.n, min: Math.max(2, bounds.n.min) };
  return { ...settings, bounds: { bounds: { ...bounds, n, xmin: accountingXmin }, accountingXmin } };
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
  shared: false,
};
