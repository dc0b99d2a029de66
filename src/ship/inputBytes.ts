/** Inputs as the bytes that an integer network reads. */

import { clamp, roundHalfAway } from '../quant/rounding.js';
import type { InputLayer } from './integerNetwork.js';

/** @param values [H, W, C], bytes or numbers as in training */
export function inputBytes({ name, offsets, quantization }: InputLayer, values: ArrayLike<number>): Uint8Array {
  if (!quantization) {
    if (values instanceof Uint8Array) return values;
    throw new TypeError(`${name}: the network takes bytes, a Uint8Array`);
  }
  const { scale, offset, step, limit } = quantization;
  return Uint8Array.from({ length: values.length }, (_, index) => {
    const channel = index % offsets.length;
    const steps = roundHalfAway((values[index]! * scale[channel]! + offset[channel]!) / step);
    return clamp(steps, -limit, limit) + offsets[channel]!;
  });
}
