/** How weights, activations or a single one of them are quantized: the w_ or the a_ keys of an experiment together. */
import type { ActivationSource, QuantizerKind } from '../quant/index.js';
import type { Settings } from './settingRules.js';

/** A part of a network whose tensors share their settings: weights (and biases), or activations by where they come from. */
export type QuantizedPart = 'weights' | ActivationSource;

export interface QuantizerSettings {
  /** `null`: not quantized. Without the ending `_relu` that the .cfg puts behind kinds of activations. */
  readonly kind: QuantizerKind | null;
  /** Weights, and activations that no ReLU has made positive. */
  readonly signed: boolean;
  /** Bits at the start (fixed kinds: for good), and the limits of what is learned. */
  readonly bitwidth: number;
  readonly bitwidthMin: number;
  readonly bitwidthMax: number;
  /** Step d: start value, `auto` for what suits weights and activations, or `published`; and its limits. */
  readonly stepSize: number | 'auto' | 'published';
  readonly stepSizeMin: number;
  readonly stepSizeMax: number;
  readonly xminMin: number;
  readonly xminMax: number;
  readonly xmaxMin: number;
  readonly xmaxMax: number;
  /** `parametric_fp_b_xmax`: clip at a range that the bits can number, which the published code does not. */
  readonly recomputeRange: boolean;
  /** Weights: a step for each output channel. Biases and activations have one. */
  readonly perChannel: boolean;
  /** Activations: operands of one sum, or side by side, share a quantizer. */
  readonly shared: boolean;
}

export function quantizerSettings(s: Settings, part: QuantizedPart): QuantizerSettings {
  const prefix = prefixOf(part);
  const smallest = s[`${prefix}_bitwidth_min`];
  return {
    kind: kindOf(s, part),
    signed: part !== 'rectified',
    bitwidth: s[`${prefix}_bitwidth`],
    // The keys of activations allow one bit, of which a sign would leave nothing.
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

/** The first letter of the keys that hold for a part. */
export function prefixOf(part: QuantizedPart): 'w' | 'a' {
  return part === 'weights' ? 'w' : 'a';
}

/** The signed kinds of activations are those that `a_quantize` names, without their `_relu`. */
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
