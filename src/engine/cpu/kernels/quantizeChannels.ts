/**
 * Quantization of weights with a step for each channel (`quant/channelExponents.ts`), and its gradient.
 *
 * A chunk is some rows of channels; four channels at a time stay in registers, with their ranges and sums, over all
 * rows.
 */
import {
  activate,
  FIXED_POW2_SIGNED,
  FIXED_UNIFORM_SIGNED,
  inputGradient,
  isLearned,
  POW2_SIGNED,
  rangeContribution0,
  rangeContribution1,
  roundHalfAway,
  UNIFORM_SIGNED,
} from './activationElement';
import { loadPart, storePart } from './vector';

/** The quantizer of the whole tensor, and its channels' exponents with their limits. */
@unmanaged
class ChannelQuantizer {
  range: usize;
  exponents: usize;
  lowest: f32;
  highest: f32;
  channels: i32;

  /** 2^R(k) of up to four channels, for k within its limits. */
  @inline
  scales(channel: i32, lanes: i32): v128 {
    const exponents = loadPart(this.exponents + (<usize>channel << 2), lanes);
    const limited = f32x4.pmin(f32x4.pmax(exponents, f32x4.splat(this.lowest)), f32x4.splat(this.highest));
    const whole = i32x4.trunc_sat_f32x4_s(roundHalfAway(limited));
    return i32x4.shl(i32x4.add(whole, i32x4.splat(127)), 23);
  }
}

/** The division of rows of channels into chunks. */
@unmanaged
class ChannelRows extends ChannelQuantizer {
  rows: i32;
  rowsPerChunk: i32;

  @inline
  rowsOf(chunk: i32): i32 {
    return min(this.rowsPerChunk, this.rows - chunk * this.rowsPerChunk);
  }

  /** Bytes from the first row to a chunk's first. */
  @inline
  start(chunk: i32): usize {
    return ((<usize>chunk * this.rowsPerChunk) * this.channels) << 2;
  }
}

@unmanaged
class QuantizeChannelsArguments extends ChannelRows {
  x: usize;
  y: usize;
}

@inline
function forward(kind: i32, args: QuantizeChannelsArguments, chunk: i32): void {
  const channels = args.channels;
  const rows = args.rowsOf(chunk);
  const rowBytes = <usize>channels << 2;
  const start = args.start(chunk);
  for (let channel = 0; channel < channels; channel += 4) {
    const lanes = min<i32>(4, channels - channel);
    const scales = args.scales(channel, lanes);
    const e0 = f32x4.mul(scales, v128.load32_splat(args.range));
    const e1 = f32x4.mul(scales, v128.load32_splat(args.range, 4));
    const inverse = f32x4.div(f32x4.splat(1), e0);
    const offset = start + (<usize>channel << 2);
    let x = args.x + offset;
    let y = args.y + offset;
    for (let row = 0; row < rows; row++, x += rowBytes, y += rowBytes) {
      storePart(y, activate(kind, loadPart(x, lanes), e0, e1, inverse), lanes);
    }
  }
}

@unmanaged
class QuantizeChannelsGradientArguments extends ChannelRows {
  x: usize;
  dy: usize;
  dx: usize;
  /** Partial sums of each chunk: [chunks, 2, channels]. */
  sums: usize;
}

@inline
function backward(kind: i32, args: QuantizeChannelsGradientArguments, chunk: i32): void {
  const channels = args.channels;
  const rows = args.rowsOf(chunk);
  const rowBytes = <usize>channels << 2;
  const start = args.start(chunk);
  for (let channel = 0; channel < channels; channel += 4) {
    const lanes = min<i32>(4, channels - channel);
    const scales = args.scales(channel, lanes);
    const e0 = f32x4.mul(scales, v128.load32_splat(args.range));
    const e1 = f32x4.mul(scales, v128.load32_splat(args.range, 4));
    const inverse = f32x4.div(f32x4.splat(1), e0);
    const offset = start + (<usize>channel << 2);
    let x = args.x + offset;
    let dy = args.dy + offset;
    let dx = args.dx + offset;
    let sum0 = f32x4.splat(0);
    let sum1 = f32x4.splat(0);
    for (let row = 0; row < rows; row++, x += rowBytes, dy += rowBytes, dx += rowBytes) {
      const v = loadPart(x, lanes);
      const g = loadPart(dy, lanes);
      if (isLearned(kind)) {
        sum0 = f32x4.add(sum0, rangeContribution0(kind, v, e0, e1, inverse, g));
        sum1 = f32x4.add(sum1, rangeContribution1(kind, v, e1, g));
      }
      storePart(dx, inputGradient(kind, v, e0, e1, g), lanes);
    }
    const sums = args.sums + <usize>chunk * 2 * rowBytes + (<usize>channel << 2);
    storePart(sums, sum0, lanes);
    storePart(sums + rowBytes, sum1, lanes);
  }
}

@unmanaged
class FinishChannelSumsArguments extends ChannelQuantizer {
  /** [chunks, 2, channels] */
  sums: usize;
  chunks: i32;
  /** Gradients of the exponents. */
  dexponents: usize;
  /** Sums of the whole tensor, [2]. */
  totals: usize;
}

/** The gradients of the exponents, and the sums of the whole tensor. */
export function finishChannelSums(args: FinishChannelSumsArguments, chunk: i32, worker: i32): void {
  const channels = args.channels;
  const rowBytes = <usize>channels << 2;
  const e0 = <f64>load<f32>(args.range);
  const e1 = <f64>load<f32>(args.range, 4);
  let total0: f64 = 0;
  let total1: f64 = 0;
  for (let channel = 0; channel < channels; channel++) {
    const offset = <usize>channel << 2;
    let sum0: f64 = 0;
    let sum1: f64 = 0;
    let at = args.sums + offset;
    for (let i = 0; i < args.chunks; i++, at += 2 * rowBytes) {
      sum0 += load<f32>(at);
      sum1 += load<f32>(at + rowBytes);
    }
    const exponent = load<f32>(args.exponents + offset);
    const scale = <f64>f32x4.extract_lane(args.scales(channel, 1), 0);
    let gradient = Math.LN2 * scale * (e0 * sum0 + e1 * sum1);
    if (exponent >= args.highest) gradient = max(gradient, 0);
    else if (exponent <= args.lowest) gradient = min(gradient, 0);
    store<f32>(args.dexponents + offset, <f32>gradient);
    total0 += scale * sum0;
    total1 += scale * sum1;
  }
  store<f32>(args.totals, <f32>total0);
  store<f32>(args.totals, <f32>total1, 4);
}

/* One entry a kind, as of activations. */

export function quantizeChannelsUniform(args: QuantizeChannelsArguments, chunk: i32, worker: i32): void {
  forward(UNIFORM_SIGNED, args, chunk);
}
export function quantizeChannelsPow2(args: QuantizeChannelsArguments, chunk: i32, worker: i32): void {
  forward(POW2_SIGNED, args, chunk);
}
export function quantizeChannelsFixedUniform(args: QuantizeChannelsArguments, chunk: i32, worker: i32): void {
  forward(FIXED_UNIFORM_SIGNED, args, chunk);
}
export function quantizeChannelsFixedPow2(args: QuantizeChannelsArguments, chunk: i32, worker: i32): void {
  forward(FIXED_POW2_SIGNED, args, chunk);
}

export function quantizeChannelsGradientUniform(args: QuantizeChannelsGradientArguments, chunk: i32, worker: i32): void {
  backward(UNIFORM_SIGNED, args, chunk);
}
export function quantizeChannelsGradientPow2(args: QuantizeChannelsGradientArguments, chunk: i32, worker: i32): void {
  backward(POW2_SIGNED, args, chunk);
}
export function quantizeChannelsGradientFixedUniform(args: QuantizeChannelsGradientArguments, chunk: i32, worker: i32): void {
  backward(FIXED_UNIFORM_SIGNED, args, chunk);
}
export function quantizeChannelsGradientFixedPow2(args: QuantizeChannelsGradientArguments, chunk: i32, worker: i32): void {
  backward(FIXED_POW2_SIGNED, args, chunk);
}
