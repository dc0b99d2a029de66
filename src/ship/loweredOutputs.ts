/** Outputs that do not come from a fully connected layer: results of convolutions, as integers. */

import { InputError } from '../errors.js';
import { boundedOutputs } from './bounds.js';
import {
  type IntegerTensor,
  largestAddend,
  largestMultiplier,
  largestTotal,
  magnitudeOf,
  type OutputLayer,
  type Proof,
  type Requantization,
} from './integerNetwork.js';
import { affine, exactLog2, type Normalised } from './requantization.js';
import { identity } from './terms.js';

/** Bits by which the grid of biases may be finer than the finest of all steps. */
const finerBits = 20;
/** Units of rounded outputs: 2^-60 at the finest. */
const [finest, coarsest] = [-60, 30] as const;

/**
 * The outputs [H, W, C] of at most two terms and a tensor in memory, times `factor`. If all numbers are multiples of
 * one number, that is the unit, and nothing is rounded. Otherwise they are rounded as finely as 53 bits allow, and this
 * is the network's definition. A negative factor is applied to the multipliers, so that the largest integer stays the
 * largest output.
 */
export function outputLayer(
  terms: readonly Normalised[],
  addend: IntegerTensor | null,
  shape: readonly number[],
  factor: number,
): OutputLayer {
  // As a term it may have any step, and be subtracted.
  if (addend && (terms.length < 2 || factor < 0)) return outputLayer([...terms, identity(addend)], null, shape, factor);
  if (terms.length > 2) {
    throw new InputError(
      'the outputs are the negative sum of three tensors, and a device adds two and reads one; train it without the scale behind them',
    );
  }
  const channels = Array.from({ length: shape[2]! }, (_, channel) =>
    terms.map((term) => affine(term, channel, Math.sign(factor))),
  );
  const slopes = channels.flatMap((each) => each.map(({ slope }) => slope));
  const offsets = channels.map((each) => each.reduce((sum, { offset }) => sum + offset, 0));
  const steps = [...slopes, ...(addend ? [addend.step] : [])].map(Math.abs).filter((step) => step > 0);
  const least = steps.length > 0 ? Math.min(...steps) : 1;
  const fitting = (unit: number, proof: Proof): OutputLayer | null => {
    const multipliers = slopes.map((slope) => Math.round(slope / unit));
    if (multipliers.some((multiplier) => Math.abs(multiplier) > largestMultiplier)) return null;
    const addendShift = addend ? exactLog2(addend.step / unit, addend.name) : 0;
    if (addendShift < 0 || (addend && magnitudeOf(addend) * 2 ** addendShift > largestAddend)) return null;
    const requantization: Requantization = {
      multipliers: terms.map((_, term) => Int32Array.from(channels, (_, c) => multipliers[c * terms.length + term]!)),
      biases: BigInt64Array.from(offsets, (offset) => BigInt(Math.round(offset / unit))),
      shifts: new Uint8Array(channels.length),
      addendShift,
      outputShift: 0,
      table: null,
    };
    const products = terms.map(({ product }) => product);
    const layer = boundedOutputs(
      { name: 'logits', products, addend, requantization, proof },
      shape,
      unit * Math.abs(factor),
    );
    return largestTotal(layer) <= Number.MAX_SAFE_INTEGER ? layer : null;
  };

  for (let finer = 0; finer <= finerBits; finer++) {
    const unit = least / 2 ** finer;
    const isExact = [...slopes, ...offsets].every((value) => Math.round(value / unit) * unit === value);
    const layer = isExact ? fitting(unit, { type: 'exact' }) : null;
    if (layer) return layer;
  }
  const reason = 'outputs behind a normalisation, or of steps that share no unit, are rounded to 31 bits';
  for (let exponent = finest; exponent <= coarsest; exponent++) {
    const layer = fitting(2 ** exponent, { type: 'definition', reason });
    if (layer) return layer;
  }
  throw new InputError(`the outputs reach ${Math.max(...offsets.map(Math.abs))}, beyond 53 bits; train it further`);
}
