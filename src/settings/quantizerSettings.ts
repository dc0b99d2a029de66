/** How weights, activations or a single one of them are quantized: the w_ or the a_ keys of an experiment together. */
import type { QuantizerKind } from '../quant/index.js';
import type { Settings } from './settingRules.js';

/** The two roles differ in sign: activations are unsigned. */
export interface QuantizerSettings {
  /** `null`: not quantized. Without the ending `_relu` that the .cfg puts behind kinds of activations. */
  readonly kind: QuantizerKind | null;
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
}

export function quantizerSettings(s: Settings, prefix: 'w' | 'a'): QuantizerSettings {
  const kind = prefix === 'w' ? s.w_quantize : s.a_quantize && baseKind(s.a_quantize);
  return {
    kind,
    bitwidth: s[`${prefix}_bitwidth`],
    bitwidthMin: s[`${prefix}_bitwidth_min`],
    bitwidthMax: s[`${prefix}_bitwidth_max`],
    stepSize: s[`${prefix}_stepsize`],
    stepSizeMin: s[`${prefix}_stepsize_min`],
    stepSizeMax: s[`${prefix}_stepsize_max`],
    xminMin: s[`${prefix}_xmin_min`],
    xminMax: s[`${prefix}_xmin_max`],
    xmaxMin: s[`${prefix}_xmax_min`],
    xmaxMax: s[`${prefix}_xmax_max`],
    recomputeRange: s.recompute_range,
    perChannel: prefix === 'w' && s.w_per_channel,
  };
}

/** The kind of an activation quantizer, which the .cfg writes with `_relu` behind it. */
export function baseKind(written: string): QuantizerKind {
  return written.replace(/_relu$/, '');
}
