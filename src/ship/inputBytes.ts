/** Inputs as the bytes that an integer network reads. */

import { clamp, roundHalfAway } from '../quant/rounding.js';
import type { InputLayer } from './integerNetwork.js';

/**
 * @param values [H, W, C], bytes or numbers as in training
 * @throws TypeError for numbers where the network takes bytes, and for any that are not finite
 */
export function inputBytes({ name, offsets, quantization }: InputLayer, values: ArrayLike<number>): Uint8Array {
  if (!quantization) {
    if (values instanceof Uint8Array) return values;
    throw new TypeError(`${name}: the network takes bytes, a Uint8Array`);
  }
  const { scale, offset, step, limit } = quantization;
  return Uint8Array.from({ length: values.length }, (_, index) => {
    const channel = index % offsets.length;
    const value = values[index]!;
    if (!Number.isFinite(value)) throw new TypeError(`${name}: number ${index} is ${value}; all have to be finite`);
    const steps = roundHalfAway((value * scale[channel]! + offset[channel]!) / step);
    return clamp(steps, -limit, limit) + offsets[channel]!;
  });
}
