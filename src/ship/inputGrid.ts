/** Integer grids for normalised bytes. */

import { InputError } from '../errors.js';

/** Byte p of a channel is the integer p·factor − offset. */
export interface InputGrid {
  readonly factor: number;
  readonly offsets: readonly number[];
}

/** Numbers of steps in a grey level that are tried, in this order. */
const factors = [1, 2, 4, 8, 16];

/**
 * The grid with the fewest steps for bytes p normalised to p·scale + offset for each channel, or the reason why there
 * is none.
 */
export function gridOfBytes(
  scale: readonly number[],
  offset: readonly number[],
): InputGrid | { readonly fault: string } {
  if (scale.some((each) => each !== scale[0])) {
    return { fault: `std differs between channels (${listed(scale.map((each) => 1 / (255 * each)))})` };
  }
  // The byte values whose normalised value is 0.
  const zeros = offset.map((each) => -each / scale[0]!);
  const factor = factors.find((steps) => zeros.every((zero) => isWhole(zero * steps)));
  if (factor !== undefined) return { factor, offsets: zeros.map((zero) => Math.round(zero * factor)) };
  return { fault: `mean ${listed(zeros.map((zero) => zero / 255))} is no fraction of a grey level` };
}

function listed(values: readonly number[]): string {
  return [...new Set(values.map((each) => Number(each.toPrecision(4))))].join(', ');
}

function isWhole(value: number): boolean {
  return Math.abs(value - Math.round(value)) < 1e-9;
}

/**
 * The error of a form in which only convolutions, as which fully connected layers are computed, read the image, about the
 * image or its other reader, `name`. Bytes on a grid get a quantizer that stores them; what a quantizer takes to bytes is
 * not stored again.
 */
export function unquantizedImage(name: string, form: string): InputError {
  return new InputError(
    `${name}: ${form} reads the image in convolutions and fully connected layers only; begin with one, or train on bytes with ` +
      'a_quantize_input = true and normalise = shift',
  );
}
