/** The input in integers: bytes as they are in memory, which its readers take to steps around zero. */

import { InputError } from '../errors.js';
import type { InputGrid } from './inputGrid.js';
import type { Grid, InputLayer, InputQuantization } from './integerNetwork.js';
import { integerTensor } from './tensorForms.js';

/**
 * The input of bytes p with the normalised values p·scale + offset: u = k·p − z in steps of scale/k, with the smallest k
 * for which z is an integer. `shape`: [H, W, C].
 */
export function byteInput({ factor, offsets }: InputGrid, scale: number, shape: readonly number[]): InputLayer {
  const grid: Grid = { type: 'uniform', lo: 0 - Math.max(...offsets), hi: 255 * factor - Math.min(...offsets) };
  const output = integerTensor('images', shape, grid, scale / factor, 8);
  return { op: 'input', name: 'images', scale: factor, offsets, quantization: null, output };
}

/**
 * The input of numbers that a quantizer with a uniform grid takes to bytes, before the network runs: 128 is 0.
 *
 * @throws InputError for powers of two
 */
export function quantizedInput(
  name: string,
  { scale, offset }: Pick<InputQuantization, 'scale' | 'offset'>,
  { grid, step }: { readonly grid: Grid; readonly step: number },
  shape: readonly number[],
): InputLayer {
  if (grid.type !== 'uniform') {
    throw new InputError(
      `${name}: powers of two have no integer form there; give it a uniform quantizer by a rule in layers`,
    );
  }
  const output = integerTensor(name, shape, { type: 'uniform', lo: -128, hi: 127 }, step, 8);
  const offsets = scale.map(() => 128);
  return { op: 'input', name, scale: 1, offsets, quantization: { scale, offset, step, limit: grid.hi }, output };
}
