/** Settings of the quantizers of weights or activations, or of a single tensor: the w_ or the a_ keys together. */
import type { ActivationSource, QuantizerKind } from '../quant/index.js';
import type { Settings } from './settingRules.js';

/** A part of a network whose tensors share their settings: weights (and biases), or activations by origin. */
export type QuantizedPart = 'weights' | ActivationSource;

export interface QuantizerSettings {
  /** Kind of quantizer, `null` for none. Kinds of activations lack the ending `_relu` that they have in .cfg files. */
  readonly kind: QuantizerKind | null;
  /** True for weights, and for activations without a ReLU. */
  readonly signed: boolean;
  /** Bits at the start (for good with fixed kinds), and the limits of learned bits. */
  readonly bitwidth: number;
  readonly bitwidthMin: number;
  readonly bitwidthMax: number;
  /** Step size d at the start, `auto` to fit it to weights and activations, or `published`; and its limits. */
  readonly stepSize: number | 'auto' | 'published';
  readonly stepSizeMin: number;
  readonly stepSizeMax: number;
  readonly xminMin: number;
  readonly xminMax: number;
  readonly xmaxMin: number;
  readonly xmaxMax: number;
  /** For `parametric_fp_b_xmax`: clips at a range that the bits can number, unlike the published code. */
  readonly recomputeRange: boolean;
  /** One step for each output channel of a weight. Biases and activations have one. */
  readonly perChannel: boolean;
  /** Operands of one sum or concatenation share a quantizer. */
  readonly shared: boolean;
}

export function quantizerSettings(s: Settings, part: QuantizedPart): QuantizerSettings {
  const prefix = prefixOf(part);
  const smallest = s[`${prefix}_bitwidth_min`];
  return {
    kind: kindOf(s, part),
    signed: part !== 'rectified',
    bitwidth: s[`${prefix}_bitwidth`],
    // The keys of activations allow one bit, which is not enough for a sign.
    bitwidthMin: part === 'linear' || part === 'input' ? Math.max(2, smallest) : smallest,
    bitwidthMax: s[`${prefix}_bitwidth_max`],
    stepSize: s[`${prefix}_stepsize`],
    stepSizeMin: s[`${prefix}_stepsize_min`],
    stepSizeMax: s[`${prefix}_stepsize_max`],
    xminMin: s[`${prefix}_xmin_min`],
    xminMax: s[`${prefix}_xmin_max`],
    xmaxMin: s[`${prefix}_xmax_min`],
    xmaxMax: s[`${prefix}_xmax_max`],
    recomputeRange: s.recompute_range,
    perChannel: part === 'weights' && s.w_per_channel,
    shared: part !== 'weights' && s.a_shared,
  };
}

/** The first letter of the keys of a part. */
export function prefixOf(part: QuantizedPart): 'w' | 'a' {
  return part === 'weights' ? 'w' : 'a';
}

/** The kind of quantizer. Signed activations take the kind of `a_quantize` without `_relu`. */
function kindOf(s: Settings, part: QuantizedPart): QuantizerKind | null {
  const rectified = s.a_quantize?.replace(/_relu$/, '') ?? null;
  switch (part) {
    case 'weights':
      return s.w_quantize;
    case 'rectified':
      return rectified;
    case 'linear':
      return s.a_quantize_linear ? rectified : null;
    case 'input':
      return s.a_quantize_input ? rectified : null;
    default:
      return part satisfies never;
  }
}
