/**
 * float32 constants d and c for which round(sum/d − c [+ addend·S]) is the integer form's output for every reachable
 * sum and every integer of the addend, with rounding half to even, as by QuantizeLinear. The integer form is a
 * staircase, so it suffices to check both sides of each step.
 */

import { type ConvolutionLayer, integersOf, leastOf } from '../integerNetwork.js';
import { channelFunction } from '../interpreter.js';

/** The constants of a requantization in float32: divisor and offset of each channel. */
export interface FloatConstants {
  /** For each channel. */
  readonly divisors: Float32Array;
  readonly offsets: Float32Array;
  /** The addend's step in steps of the output. */
  readonly addendFactor: number;
}

/** A place next to a step: a sum, an addend, and the right output. */
interface Place {
  readonly sum: number;
  readonly addend: number;
  readonly output: number;
}

const mostSteps = 2 ** 13;

/** Neighbours of the nearest float32 that are tried as divisor, in units in the last place. */
const divisorSteps = [0, 1, -1, 2, -2, 3, -3, 5, -5, 8, -8];

/** The constants of all channels of a layer with one product, or null if a channel has none. */
export function floatConstants(layer: ConvolutionLayer): FloatConstants | null {
  const { products, requantization, output, addend } = layer;
  const { grid } = output;
  if (products.length > 1 || grid.type !== 'uniform' || requantization.table) return null;
  // With more steps the search would take longer than the float64 form costs.
  if ((grid.hi - grid.lo) * (addend ? integersOf(addend.grid).length : 1) > mostSteps) return null;
  const { multipliers, biases, shifts, addendShift, outputShift } = requantization;
  const channels = output.shape[2]!;
  const addendFactor = 2 ** (addendShift - outputShift);
  const [divisors, offsets] = [new Float32Array(channels), new Float32Array(channels)];
  for (let channel = 0; channel < channels; channel++) {
    const scale = 2 ** (shifts[channel]! + outputShift);
    const multiplier = multipliers[0]![channel]!;
    const slope = multiplier / scale;
    const offset = Number(biases[channel]!) / scale - 0.5;
    const places = placesOf(layer, channel);
    const isFlat = multiplier === 0;
    const judge: Judge = (divisor, own) => deviations(places, grid, divisor, own, addendFactor);
    const found = isFlat ? flat(judge, offset) : search(judge, slope, offset);
    if (!found) return null;
    [divisors[channel], offsets[channel]] = found;
  }
  return { divisors, offsets, addendFactor };
}

/** Both sides of every step of a channel, for each integer of the addend. */
function placesOf(layer: ConvolutionLayer, channel: number): Place[] {
  const { products, requantization, output, addend } = layer;
  const value = channelFunction(layer, channel);
  const { lo, hi } = { lo: products[0]!.lo[channel]!, hi: products[0]!.hi[channel]! };
  const multiplier = requantization.multipliers[0]![channel]!;
  const addends = addend && channel < addend.usedChannels ? integersOf(addend.grid) : [0];
  return addends.flatMap((added) => {
    const at = (sum: number): Place => ({ sum, addend: added, output: value([sum], added) });
    if (multiplier === 0) return [at(lo)];
    const sums = new Set([lo, hi]);
    const steps = output.grid.type === 'uniform' ? output.grid.hi - leastOf(output.grid) : 0;
    for (let step = 1; step <= steps; step++) {
      // The sum at which the step would be without rounding, and its neighbours.
      const { biases, shifts, addendShift, outputShift } = requantization;
      const level = (leastOf(output.grid) + step) * 2 ** outputShift - added * 2 ** addendShift;
      const place = Math.floor((level * 2 ** shifts[channel]! - Number(biases[channel]!)) / multiplier);
      for (const sum of [place - 1, place, place + 1]) if (sum >= lo && sum <= hi) sums.add(sum);
    }
    return [...sums].map(at);
  });
}

/** Tells whether some output is too small with a divisor and an offset, and whether some is too large. */
type Judge = (divisor: number, offset: number) => readonly [isLow: boolean, isHigh: boolean];

/** The constants of a channel that does not depend on its sums. */
function flat(judge: Judge, offset: number): [divisor: number, offset: number] | null {
  const constants: [number, number] = [2 ** 30, Math.fround(-offset)];
  return judge(...constants).every((isOff) => !isOff) ? constants : null;
}

function search(judge: Judge, slope: number, offset: number): [divisor: number, offset: number] | null {
  for (const steps of divisorSteps) {
    const divisor = neighbour(Math.fround(1 / slope), steps);
    const found = offsetFor(judge, divisor, -offset);
    if (found !== null) return [divisor, found];
  }
  return null;
}

/**
 * An offset that is right everywhere, found by bisection of an interval with too small outputs at one end and too large
 * ones at the other.
 */
function offsetFor(judge: Judge, divisor: number, start: number): number | null {
  const reach = Math.max(1, Math.abs(start)) * 2 ** -10;
  let [low, high] = [Math.fround(start - reach), Math.fround(start + reach)];
  let middle = Math.fround(start);
  for (let round = 0; round < 60; round++) {
    const [isLow, isHigh] = judge(divisor, middle);
    if (!isLow && !isHigh) return middle;
    if (isLow && isHigh) return null;
    // The offset is subtracted, so outputs decrease with it.
    if (isHigh) low = middle;
    else high = middle;
    const next = Math.fround((low + high) / 2);
    if (next === middle) return null;
    middle = next;
  }
  return null;
}

/** Compares outputs as the model computes them, in float32, with the right ones. */
function deviations(
  places: readonly Place[],
  { lo, hi }: { readonly lo: number; readonly hi: number },
  divisor: number,
  offset: number,
  addendFactor: number,
): [isLow: boolean, isHigh: boolean] {
  let [isLow, isHigh] = [false, false];
  for (const { sum, addend, output } of places) {
    const normalised = Math.fround(Math.fround(Math.fround(sum) / divisor) - offset);
    const added = addend === 0 ? normalised : Math.fround(normalised + Math.fround(addend * addendFactor));
    const value = Math.min(Math.max(roundHalfToEven(added), lo), hi);
    if (value < output) isLow = true;
    if (value > output) isHigh = true;
    if (isLow && isHigh) break;
  }
  return [isLow, isHigh];
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

const word = new DataView(new ArrayBuffer(4));

/** The float32 that is so many units in the last place away in magnitude. */
function neighbour(value: number, steps: number): number {
  word.setFloat32(0, value);
  word.setInt32(0, word.getInt32(0) + steps);
  return word.getFloat32(0);
}
