/**
 * From a convolution's sums to the integers of its output: certified if one convolution is rounded, by definition if
 * the float64 reference is no staircase of one accumulator.
 */

import { InputError } from '../errors.js';
import { activationFunctions } from '../ops/activationFunctions.js';
import type { ActivationFunction } from '../ops/attributes.js';
import { elementQuantizers, type QuantizerCore } from '../quant/index.js';
import {
  type Channel,
  type ChannelIntegers,
  certify,
  firstDifference,
  type Steps,
  tableThreshold,
} from './certificate.js';
import { functionSteps } from './functionSteps.js';
import {
  type IntegerTensor,
  type IntegerWeights,
  integersOf,
  largestShift,
  type OutputTable,
  type Product,
  type Proof,
  type Requantization,
  reachedOf,
} from './integerNetwork.js';

/** Batch normalisation with running moments: y = γ·((x − mean)·invstd) + β. */
interface Normalisation {
  readonly mean: ArrayLike<number>;
  readonly invstd: ArrayLike<number>;
  readonly gamma: ArrayLike<number>;
  readonly beta: ArrayLike<number>;
}

/** A convolution's sums; a sum of a channel means sum·step/pixels. */
export interface Sums {
  readonly product: Product;
  readonly steps: readonly number[];
  /** Number of pixels of a mean; 1 for sums. The division comes last, so that halves stay halves. */
  readonly pixels: number;
}

/** Sums with the normalisation behind them. */
export interface Normalised extends Sums {
  readonly normalisation: Normalisation;
}

/** The output of a layer. */
export interface Target {
  readonly output: IntegerTensor;
  readonly core: QuantizerCore;
  readonly signed: boolean;
  readonly e0: number;
  readonly e1: number;
  /** The function between the sum and the quantizer; null for none. */
  readonly through: ActivationFunction | null;
}

interface Requantized {
  readonly requantization: Requantization;
  readonly proof: Proof;
  readonly channels: readonly Channel[] | null;
}

/** The certified integers of one convolution's sums, or null if a channel has none. */
export function certified(term: Normalised, addend: IntegerTensor | null, target: Target): Requantized | null {
  const { output } = target;
  const count = output.shape[2]!;
  const staircase = stepsOf(addend, target);
  const { steps } = staircase;
  if (stepsTogether(steps, addend) > mostSteps) return null;
  const channels = Array.from({ length: count }, (_, channel) => channelOf(term, addend, target, staircase, channel));
  const integers = steps.type === 'uniform' ? separately(channels) : withOneShift(channels);
  if (!integers) return null;
  // Next to a step the float64 value of a function may go back and forth by its own rounding.
  if (target.through && channels.some((each, index) => firstDifference(each, integers[index]!))) return null;
  const accumulators = channels.reduce((sum, { lo, hi }) => sum + hi - lo + 1, 0);
  const requantization: Requantization = {
    multipliers: [Int32Array.from(integers, ({ multiplier }) => multiplier)],
    biases: BigInt64Array.from(integers, ({ bias }) => bias),
    shifts: Uint8Array.from(integers, ({ shift }) => shift),
    addendShift: steps.addendShift,
    outputShift: steps.outputShift,
    table: tableOf(steps, integers[0]!.shift),
  };
  const addends = addend ? integersOf(addend.grid).length : 1;
  return { requantization, proof: { type: 'proven', accumulators, addends }, channels };
}

/** The most steps of a table, for all integers of the addend; with more the search for a certificate takes minutes. */
const mostSteps = 2 ** 13;

function stepsTogether(steps: Steps, addend: IntegerTensor | null): number {
  if (steps.type === 'uniform') return 0;
  return steps.boundaries.length * (addend ? integersOf(addend.grid).length : 1);
}

/** Raises the shifts to one for all channels, which share the thresholds of a table. */
function withOneShift(channels: readonly Channel[]): ChannelIntegers[] | null {
  for (let shift = 0; shift <= largestShift; ) {
    const integers = separately(channels, shift);
    if (!integers) return null;
    const largest = Math.max(...integers.map((each) => each.shift));
    if (integers.every((each) => each.shift === largest)) return integers;
    shift = Math.max(largest, shift + 1);
  }
  return null;
}

function separately(channels: readonly Channel[], leastShift = 0): ChannelIntegers[] | null {
  const integers = channels.map((channel) => certify(channel, leastShift));
  return integers.every((each) => each !== null) ? integers : null;
}

/** Integers rounded to 31 bits, for sums without a certificate: they define the network. */
export function defined(terms: readonly Normalised[], addend: IntegerTensor | null, target: Target): Requantized {
  const { output } = target;
  const count = output.shape[2]!;
  const { steps, unit } = stepsOf(addend, target);
  const reason =
    terms.length > 1
      ? 'a sum of two convolutions; with a_quantize_linear = true it would be proven'
      : stepsTogether(steps, addend) > mostSteps
        ? 'a function of a sum, with more steps than are searched; of fewer bits it would be'
        : 'the float64 reference is no staircase of 31-bit multipliers';
  const ofChannel = Array.from({ length: count }, (_, channel) => terms.map((term) => affine(term, channel, unit)));
  const largest = Math.max(...ofChannel.flatMap((each) => each.map(({ slope }) => Math.abs(slope))));
  // One shift for all: the largest multiplier has 31 bits, and t stays within 63.
  const shift = Math.min(largestShift - 32, Math.max(0, 30 - Math.ceil(Math.log2(largest || 1))));
  const scale = 2 ** shift;
  const half = steps.type === 'uniform' ? 2 ** (steps.outputShift - 1) : 0;
  const requantization: Requantization = {
    multipliers: terms.map((_, term) => Int32Array.from(ofChannel, (each) => Math.round(each[term]!.slope * scale))),
    biases: BigInt64Array.from(ofChannel, (each) =>
      BigInt(Math.round((each.reduce((sum, { offset }) => sum + offset, 0) + half) * scale)),
    ),
    shifts: new Uint8Array(count).fill(shift),
    addendShift: steps.addendShift,
    outputShift: steps.outputShift,
    table: tableOf(steps, shift),
  };
  return { requantization, proof: { type: 'definition', reason }, channels: null };
}

function tableOf(steps: Steps, shift: number): OutputTable | null {
  if (steps.type === 'uniform') return null;
  return {
    thresholds: BigInt64Array.from(steps.boundaries, ({ from }) => tableThreshold(steps, from, shift)),
    values: Int32Array.from([steps.first, ...steps.boundaries.map(({ value }) => value)]),
  };
}

/** The computation of a channel, in the order of operations of the float64 reference engine. */
function channelOf(
  term: Normalised,
  addend: IntegerTensor | null,
  target: Target,
  { steps, unit }: ReturnType<typeof stepsOf>,
  channel: number,
): Channel {
  const { product, steps: sumSteps, pixels, normalisation } = term;
  const { through } = target;
  const [mean, invstd, gamma, beta] = [
    normalisation.mean[channel]!,
    normalisation.invstd[channel]!,
    normalisation.gamma[channel]!,
    normalisation.beta[channel]!,
  ];
  const step = sumSteps[channel]!;
  const output = outputOf(target);
  const addendStep = addend?.step ?? 0;
  const number = (accumulator: number, added: number) =>
    gamma * (((accumulator * step) / pixels - mean) * invstd) + beta + added * addendStep;
  const reference = (accumulator: number, added: number) => output(number(accumulator, added));
  return {
    lo: product.lo[channel]!,
    hi: product.hi[channel]!,
    addends: addend && channel < addend.usedChannels ? integersOf(addend.grid) : [0],
    reference,
    height: heightOf(steps, through, target.e0, reference, number),
    ...affine(term, channel, unit),
    steps,
  };
}

/** The function from a number to its integer. */
function outputOf({ core, signed, e0, e1, through }: Target): (z: number) => number {
  const { value } = elementQuantizers[core];
  // A multiple of a step that is no power of two, divided by the step, may miss its integer by a last bit; + 0 avoids −0.
  const integer = (z: number) => Math.round(value(signed, e0, e1, z) / e0) + 0;
  if (!through) return integer;
  const activation = activationFunctions({ type: through }, null);
  return (z) => integer(activation.value(z));
}

/** The function from a channel's computation to its position on the staircase. */
function heightOf(
  steps: Steps,
  through: ActivationFunction | null,
  e0: number,
  reference: Channel['reference'],
  number: Channel['reference'],
): Channel['height'] {
  if (steps.type === 'uniform') return reference;
  const { first, boundaries } = steps;
  if (through) {
    const changes = boundaries.map(({ from }) => from * e0);
    return (accumulator, added) => reachedOf(changes, number(accumulator, added));
  }
  const heights = new Map([first, ...boundaries.map(({ value }) => value)].map((value, index) => [value, index]));
  return (accumulator, added) => heights.get(reference(accumulator, added))!;
}

/** γ·((a·step/pixels − mean)·invstd) + β as slope·a + offset, in multiples of `unit`. */
export function affine(
  { steps, pixels, normalisation }: Normalised,
  channel: number,
  unit: number,
): { slope: number; offset: number } {
  const factor = normalisation.gamma[channel]! * normalisation.invstd[channel]!;
  return {
    slope: (factor * steps[channel]!) / pixels / unit,
    offset: (normalisation.beta[channel]! - factor * normalisation.mean[channel]!) / unit,
  };
}

/** The steps of the output, in units of the finer of its own step and the addend's. */
function stepsOf(addend: IntegerTensor | null, target: Target): { steps: Steps; unit: number } {
  const { output, e0, through } = target;
  const unit = Math.min(e0, addend?.step ?? e0);
  const { grid, name } = output;
  const [outputShift, addendShift] = [exactLog2(e0 / unit, name), exactLog2((addend?.step ?? unit) / unit, name)];
  if (through) {
    // Outside, sigmoids are 0 or 1 to within any step, and other functions are above the output's range, or 0.
    const reach = 2 * (grid.hi + 1) * e0 + 2 ** 7;
    const { first, changes } = functionSteps(through, reach, outputOf(target));
    const boundaries = changes.map(({ from, value }) => ({ from: from / e0, value }));
    return { steps: { type: 'table', first, boundaries, outputShift, addendShift }, unit };
  }
  if (grid.type === 'uniform') {
    return { steps: { type: 'uniform', lo: grid.lo, hi: grid.hi, outputShift, addendShift }, unit };
  }
  const [first, ...others] = integersOf(grid) as [number, ...number[]];
  const boundaries = others.map((value) => ({ value, from: boundaryBelow(value, grid.signed) }));
  return { steps: { type: 'table', first, boundaries, outputShift, addendShift }, unit };
}

/** The number, in output steps, from which the output is a given power of two: halfway in the logarithm. */
function boundaryBelow(value: number, signed: boolean): number {
  if (value < 0) return value * Math.SQRT2;
  return signed && value === 1 ? 0 : value * Math.SQRT1_2;
}

/** log2 of a power of two; `name`: the addend in the error's words. */
export function exactLog2(value: number, name: string): number {
  const exponent = Math.round(Math.log2(value));
  if (2 ** exponent === value) return exponent;
  throw new InputError(
    `${name}: adds numbers whose steps differ by a factor of ${value}, which is no power of two, so they share no grid of ` +
      'integers; train with steps that are powers of two (a_stepsize, w_stepsize, and normalise = shift for images)',
  );
}

/** The number that an accumulator of 1 means, for each channel. */
export function channelSteps(
  inputStep: number,
  { step, channelExponents }: IntegerWeights,
  channels: number,
): number[] {
  return Array.from({ length: channels }, (_, channel) => {
    return inputStep * step * (channelExponents ? 2 ** channelExponents[channel]! : 1);
  });
}
