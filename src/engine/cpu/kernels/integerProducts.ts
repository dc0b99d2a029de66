/**
 * Products of two quantized operands as integers: each is a step times codes of few bits, so that one instruction makes
 * eight products of codes and adds them in pairs, exactly. Results are the sums of codes times both steps. If steps are
 * powers of two and no sum exceeds 2²⁴ a float32 holds each exactly, and so did every partial sum of a direct float
 * product: the bits are the same.
 *
 * Whether that is so depends on learned values: `chooseIntegers` finds out in every step, before the product.
 */

import { mad } from './mad';

/** The answer of `chooseIntegers`. */
@unmanaged
export class IntegerChoice {
  /** 1 for integers, 0 for floats. */
  chosen: i32;
  /** 1 / step of the inputs. */
  inverse: f32;
  /** Product of both steps. */
  scale: f32;
}

@unmanaged
class ChoiceArguments {
  choice: usize;
  /** (step, largest value) of the inputs and of the weights. */
  inputs: usize;
  weights: usize;
  /** The largest codes of each that the kernel allows. */
  inputCodes: i32;
  weightCodes: i32;
  /** The largest sum over the magnitudes of a channel's weight codes, of each panel of channels. */
  sums: usize;
  panels: i32;
}

/** Every integer up to it is a float32. */
const LARGEST_SUM: f32 = 16777216;

export function chooseIntegers(args: ChoiceArguments, chunk: i32, worker: i32): void {
  const choice = changetype<IntegerChoice>(args.choice);
  const inputStep = load<f32>(args.inputs);
  const weightStep = load<f32>(args.weights);
  // Rounding may reach the next multiple of the step.
  const inputCode = load<f32>(args.inputs, 4) / inputStep + 0.5;
  const weightCode = load<f32>(args.weights, 4) / weightStep + 0.5;
  let sum: f32 = 0;
  for (let panel = 0; panel < args.panels; panel++) sum = max(sum, load<f32>(args.sums + (<usize>panel << 2)));
  const fits = inputCode <= <f32>args.inputCodes && weightCode <= <f32>args.weightCodes && sum * inputCode <= LARGEST_SUM;
  choice.chosen = fits && isPowerOfTwo(inputStep) && isPowerOfTwo(weightStep) ? 1 : 0;
  choice.inverse = 1 / inputStep;
  choice.scale = inputStep * weightStep;
}

/** Powers with exponents within ±60 only, whose products and inverses are normal numbers. */
function isPowerOfTwo(value: f32): bool {
  const bits = reinterpret<i32>(value);
  const exponent = (bits >> 23) - 127;
  return (bits & 0x7fffff) == 0 && exponent >= -60 && exponent <= 60;
}

/** 1.5 · 2²³: added to an integer below 2²² it leaves that in the low bits. */
const INTEGER: f32 = 12582912;

/** Codes of four multiples of a step, as 32-bit integers. */
@inline
export function codes(values: v128, inverse: v128): v128 {
  return i32x4.sub(mad(values, inverse, f32x4.splat(INTEGER)), f32x4.splat(INTEGER));
}

/**
 * Writes the 16-bit codes of `count` floats, a multiple of eight. Returns a mask that has bits where they are NaN.
 */
export function storeCodes(target: usize, source: usize, count: i32, inverse: v128): v128 {
  let odd = f32x4.splat(0);
  for (const end = source + (<usize>count << 2); source < end; source += 32, target += 16) {
    const low = v128.load(source);
    const high = v128.load(source, 16);
    odd = v128.or(odd, v128.or(f32x4.ne(low, low), f32x4.ne(high, high)));
    v128.store(target, i16x8.narrow_i32x4_s(codes(low, inverse), codes(high, inverse)));
  }
  return odd;
}

/** Adds a·b of two 16-bit codes each in four lanes. */
@inline
export function addProducts(a: v128, b: v128, sum: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(a, b));
}

/** Codes of four channels in two rows of weights, in pairs. */
@inline
export function codePairs(weights: usize, rowBytes: usize, inverse: v128): v128 {
  const even = v128.and(codes(v128.load(weights), inverse), i32x4.splat(0xffff));
  return v128.or(even, i32x4.shl(codes(v128.load(weights + rowBytes), inverse), 16));
}

/** Weights of eight channels after the other, which are packed as codes. */
@unmanaged
export class IntegerWeightArguments {
  /** [taps, depth, channels] */
  weights: usize;
  channels: i32;
  target: usize;
  /** Step of the weights. */
  step: usize;
  /** For the largest sum over the magnitudes of a channel's codes, of each panel. */
  sums: usize;

  @inline
  inverse(): v128 {
    return f32x4.splat(1 / load<f32>(this.step));
  }

  @inline
  rowBytes(): usize {
    return <usize>this.channels << 2;
  }

  @inline
  panel(index: i32): usize {
    return this.weights + (<usize>index << 5);
  }

  /** Stores the largest sum over the magnitudes of a channel's codes in a panel; NaN if a weight is. */
  measure(index: i32, rows: i32): void {
    let low = f32x4.splat(0);
    let high = f32x4.splat(0);
    let weights = this.panel(index);
    for (let row = 0; row < rows; row++, weights += this.rowBytes()) {
      low = f32x4.add(low, f32x4.abs(v128.load(weights)));
      high = f32x4.add(high, f32x4.abs(v128.load(weights, 16)));
    }
    const sums = f32x4.mul(f32x4.max(low, high), this.inverse());
    const both = f32x4.max(sums, i8x16.shuffle(sums, sums, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15));
    const largest = max(f32x4.extract_lane(both, 0), f32x4.extract_lane(both, 1));
    store<f32>(this.sums + (<usize>index << 2), largest);
  }
}
