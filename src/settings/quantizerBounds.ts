/**
 * The limits of what a quantizer learns, from an experiment's settings, one pair for each learnable value: bitwidth n,
 * step d, ends xmin and xmax, exponent m. No key limits m, which only the older kinds learn.
 */
import { parameterNames, type Quantizer, wideLimitsOfM } from '../quant/index.js';
import type { QuantizerSettings } from './quantizerSettings.js';

/** The limits in the forward pass, and those of xmin for counting bits and for the projection after a step. */
export type QuantizerBounds = Pick<Quantizer, 'bounds' | 'accountingXmin'>;

/**
 * Follows the published code, where the forward pass of two kinds of unsigned quantizers limits xmin by the upper
 * limit of xmax; no difference with the default limits, which are equal.
 */
export function quantizerBounds(settings: QuantizerSettings): QuantizerBounds {
  const { kind, signed } = settings;
  const xmaxLimitsXmin = !signed && kind !== null && parameterNames(kind).includes('xmin');
  return {
    bounds: {
      n: { min: settings.bitwidthMin, max: settings.bitwidthMax },
      d: { min: settings.stepSizeMin, max: settings.stepSizeMax },
      xmin: { min: settings.xminMin, max: xmaxLimitsXmin ? settings.xmaxMax : settings.xminMax },
      xmax: { min: settings.xmaxMin, max: settings.xmaxMax },
      m: wideLimitsOfM,
    },
    accountingXmin: { min: settings.xminMin, max: settings.xminMax },
  };
}
