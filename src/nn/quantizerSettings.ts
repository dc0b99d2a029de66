/** Settings of the quantizers of a network's weights or activations. */

import { type ActivationSource, type Quantizer, type QuantizerKind, wideLimitsOfM } from '../quant/index.js';

export interface QuantizerSettings {
  /** Kind of quantizer; `null` for none. */
  readonly kind: QuantizerKind | null;
  readonly bitwidth: number;
  /**
   * Initial step; `auto` to fit it to the weights, `published` for 1/8, or for the value that follows from a file's
   * weights.
   */
  readonly stepSize: number | 'auto' | 'published';
  readonly bounds: Pick<Quantizer, 'bounds' | 'accountingXmin'>;
  readonly recomputeRange: boolean;
  /** One step for each output channel of a weight (not of a bias). */
  readonly perChannel: boolean;
  /** Operands of one sum or concatenation share a quantizer. */
  readonly shared: boolean;
}

/** Settings of activations by source, and of single tensors. */
export interface ActivationSettings {
  readonly activations: QuantizerSettings;
  /** Settings of outputs without a ReLU; if absent, these are neither quantized nor counted. */
  readonly linear?: QuantizerSettings | null;
  /** Settings of the images; if absent, these are neither quantized nor counted. */
  readonly input?: QuantizerSettings | null;
  /** Settings of single tensors by name, which replace those of their role. */
  readonly exceptions?: Readonly<Record<string, QuantizerSettings>>;
}

/** The settings of one tensor that replace those of its role; undefined if there are none. */
export function exceptionOf({ exceptions }: Pick<ActivationSettings, 'exceptions'>, name: string) {
  // A layer may be called `constructor`.
  return exceptions && Object.hasOwn(exceptions, name) ? exceptions[name] : undefined;
}

/** The settings of activations from a source; null if they are neither quantized nor counted. */
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

/** The settings for signed activations: one of the bits is the sign. */
export function withSign(settings: QuantizerSettings): QuantizerSettings {
  const { bounds, accountingXmin } = settings.bounds;
  const n = { ...bounds.n, min: Math.max(2, bounds.n.min) };
  return { ...settings, bounds: { bounds: { ...bounds, n, xmin: accountingXmin }, accountingXmin } };
}

const anything = { min: 0, max: 1 };
/** Settings of weights or activations without a quantizer. */
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
