/**
 * Limits of a quantizer's learned values, from an experiment's settings: bitwidth n, step d, ends xmin and xmax,
 * exponent m. Only the older kinds learn m, which no key limits.
 */
import { parameterNames, type Quantizer, wideLimitsOfM } from '../quant/index.js';
import type { QuantizerSettings } from './quantizerSettings.js';

/** Limits in the forward pass, and those of xmin for counting bits and for the projection after a step. */
export type QuantizerBounds = Pick<Quantizer, 'bounds' | 'accountingXmin'>;

/**
 * The limits as in the published code, where the forward pass of two unsigned kinds limits xmin by the upper limit of
 * xmax. With the default limits, which are equal, this makes no difference.
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
