/**
 * Batch normalization with what follows it, in one pass: y = act(z), z = γ·invstd·(x − mean) + β + shortcut.
 *
 * Backward, the reduction recomputes z instead of having stored it, replaces dy by dz = dy · act'(z) and sums over each
 * chunk of rows; `batchNormGradientFinish` adds the chunks' sums in order.
 */
import {
  activate,
  FIXED_POW2_SIGNED,
  FIXED_POW2_UNSIGNED,
  FIXED_UNIFORM_SIGNED,
  FIXED_UNIFORM_UNSIGNED,
  HARD_SIGMOID,
  HARD_SWISH,
  IDENTITY,
  POW2_SIGNED,
  POW2_UNSIGNED,
  RELU,
  RELU6,
  SIGMOID,
  SILU,
  UNIFORM_SIGNED,
  UNIFORM_UNSIGNED,
  inputGradient,
  isLearned,
  rangeContribution0,
  rangeContribution1,
} from './activationElement';
import { ChannelRowArguments } from './channelRows';
import { accumulate, laneSum, loadPart, paddedBytes, storePart } from './vector';

/** The division of rows of channels into chunks; each worker writes its coefficients to scratch of its own. */
@unmanaged
class RowArguments extends ChannelRowArguments {
  channels: i32;
  coefficients: usize;
  coefficientsStride: usize;

  @inline
  coefficientsOf(worker: i32): usize {
    return this.coefficients + <usize>worker * this.coefficientsStride;
  }
}

@unmanaged
class NormalizationArguments extends RowArguments {
  x: usize;
  /** [2, channels]: mean, invstd. */
  statistics: usize;
  gamma: usize;
  beta: usize;
  /** Or 0. */
  shortcut: usize;
  range: usize;
  /** y; the reduction's dz. */
  result: usize;
}

@inline
function forward(kind: i32, args: NormalizationArguments, chunk: i32, worker: i32): void {
  const coefficients = args.coefficientsOf(worker);
  loadCoefficients(coefficients, args);
  if (args.channels & 3) forwardRows(kind, false, args, chunk, coefficients);
  else forwardRows(kind, true, args, chunk, coefficients);
}

@inline
function forwardRows(kind: i32, whole: bool, args: NormalizationArguments, chunk: i32, coefficients: usize): void {
  const range = args.range;
  const e0 = v128.load32_splat(range);
  const e1 = v128.load32_splat(range, 4);
  const inverse = f32x4.div(f32x4.splat(1), e0);
  const channels = args.channels;
  const first = args.firstRow(chunk);
  const rows = args.rowsOf(chunk);
  const start = <usize>first * channels * 4;
  let x = args.x + start;
  let y = args.result + start;
  const hasShortcut = args.shortcut != 0;
  let shortcut = args.shortcut + start;
  for (let row = 0; row < rows; row++) {
    let k = coefficients;
    for (let c = channels; c > 0; c -= 4) {
      const lanes = whole ? 4 : min(4, c);
      let z = normalise(loadPart(x, lanes), k);
      if (hasShortcut) z = f32x4.add(z, loadPart(shortcut, lanes));
      storePart(y, activate(kind, z, e0, e1, inverse), lanes);
      k += 48;
      x += <usize>lanes << 2;
      y += <usize>lanes << 2;
      shortcut += <usize>lanes << 2;
    }
  }
}

@unmanaged
class ReduceArguments extends NormalizationArguments {
  dy: usize;
  /** Partial sums of each chunk: [chunks, (dγ of padded channels, dβ of padded channels, s0, s1, 0, 0)]. */
  sums: usize;
}

@inline
function reduce(kind: i32, args: ReduceArguments, chunk: i32, worker: i32): void {
  const coefficients = args.coefficientsOf(worker);
  loadCoefficients(coefficients, args);
  if (args.channels & 3) reduceRows(kind, false, args, chunk, coefficients);
  else reduceRows(kind, true, args, chunk, coefficients);
}

@inline
function reduceRows(kind: i32, whole: bool, args: ReduceArguments, chunk: i32, coefficients: usize): void {
  const range = args.range;
  const e0 = v128.load32_splat(range);
  const e1 = v128.load32_splat(range, 4);
  const inverse = f32x4.div(f32x4.splat(1), e0);
  const channels = args.channels;
  const first = args.firstRow(chunk);
  const rows = args.rowsOf(chunk);
  const start = <usize>first * channels * 4;
  let x = args.x + start;
  let dz = args.result + start;
  let dy = args.dy + start;
  const hasShortcut = args.shortcut != 0;
  let shortcut = args.shortcut + start;
  const padded = paddedBytes(channels);
  const gammaSums = args.sums + <usize>chunk * (2 * padded + 16);
  const betaSums = gammaSums + padded;
  memory.fill(gammaSums, 0, 2 * padded);
  let sum0 = f32x4.splat(0);
  let sum1 = f32x4.splat(0);
  for (let row = 0; row < rows; row++) {
    let k = coefficients;
    let sum = gammaSums;
    for (let c = channels; c > 0; c -= 4) {
      const lanes = whole ? 4 : min(4, c);
      const centred = f32x4.sub(loadPart(x, lanes), v128.load(k));
      let g = loadPart(dy, lanes);
      if (kind != IDENTITY) {
        let z = f32x4.add(f32x4.mul(centred, v128.load(k, 16)), v128.load(k, 32));
        if (hasShortcut) z = f32x4.add(z, loadPart(shortcut, lanes));
        if (isLearned(kind)) {
          sum0 = f32x4.add(sum0, rangeContribution0(kind, z, e0, e1, inverse, g));
          sum1 = f32x4.add(sum1, rangeContribution1(kind, z, e1, g));
        }
        g = inputGradient(kind, z, e0, e1, g);
      }
      storePart(dz, g, lanes);
      accumulate(sum, f32x4.mul(g, centred));
      accumulate(sum + padded, g);
      k += 48;
      sum += 16;
      x += <usize>lanes << 2;
      dy += <usize>lanes << 2;
      dz += <usize>lanes << 2;
      shortcut += <usize>lanes << 2;
    }
  }
  store<f32>(betaSums + padded, laneSum(sum0));
  store<f32>(betaSums + padded, laneSum(sum1), 4);
}

@unmanaged
class FinishArguments {
  /** Partial sums of each chunk, as `ReduceArguments.sums`. */
  partial: usize;
  chunks: i32;
  channels: i32;
  statistics: usize;
  dgamma: usize;
  dbeta: usize;
  /** Or 0. */
  sums: usize;
}

export function batchNormGradientFinish(args: FinishArguments, chunk: i32, worker: i32): void {
  const partial = args.partial;
  const chunks = args.chunks;
  const channels = args.channels;
  const invstd = args.statistics + (<usize>channels << 2);
  const dgamma = args.dgamma;
  const dbeta = args.dbeta;
  const sums = args.sums;
  const padded = paddedBytes(channels);
  const stride = 2 * padded + 16;
  for (let c: usize = 0; c < <usize>channels; c++) {
    const at = partial + (c << 2);
    store<f32>(dgamma + (c << 2), <f32>(<f64>load<f32>(invstd + (c << 2)) * sumOverChunks(at, chunks, stride)));
    store<f32>(dbeta + (c << 2), <f32>sumOverChunks(at + padded, chunks, stride));
  }
  if (sums) {
    store<f32>(sums, <f32>sumOverChunks(partial + 2 * padded, chunks, stride));
    store<f32>(sums, <f32>sumOverChunks(partial + 2 * padded + 4, chunks, stride), 4);
  }
}

@unmanaged
class ApplyArguments extends RowArguments {
  dz: usize;
  x: usize;
  statistics: usize;
  gamma: usize;
  dgamma: usize;
  dbeta: usize;
  dx: usize;
}

/** dx = γ·invstd·(dz − dβ/n − x̂·dγ/n), n being the number of rows. */
export function batchNormGradientApply(args: ApplyArguments, chunk: i32, worker: i32): void {
  const channels = args.channels;
  const coefficients = args.coefficientsOf(worker);
  const n = f32x4.splat(<f32>args.rows);
  const statistics = args.statistics;
  let k = coefficients;
  for (let c = 0; c < channels; c += 4, k += 64) {
    const lanes = channels - c;
    const at = <usize>c << 2;
    const invstd = loadPart(statistics + (<usize>channels << 2) + at, lanes);
    const slope = f32x4.mul(loadPart(args.gamma + at, lanes), invstd);
    const slopePerRow = f32x4.div(slope, n);
    v128.store(k, loadPart(statistics + at, lanes));
    v128.store(k, slope, 16);
    v128.store(k, f32x4.mul(slopePerRow, loadPart(args.dbeta + at, lanes)), 32);
    v128.store(k, f32x4.mul(f32x4.mul(slopePerRow, invstd), loadPart(args.dgamma + at, lanes)), 48);
  }
  if (channels & 3) applyRows(false, args, chunk, coefficients);
  else applyRows(true, args, chunk, coefficients);
}

@inline
function applyRows(whole: bool, args: ApplyArguments, chunk: i32, coefficients: usize): void {
  const channels = args.channels;
  const first = args.firstRow(chunk);
  const rows = args.rowsOf(chunk);
  const start = <usize>first * channels * 4;
  let dz = args.dz + start;
  let x = args.x + start;
  let dx = args.dx + start;
  for (let row = 0; row < rows; row++) {
    let k = coefficients;
    for (let c = channels; c > 0; c -= 4) {
      const lanes = whole ? 4 : min(4, c);
      const fromZ = f32x4.sub(f32x4.mul(loadPart(dz, lanes), v128.load(k, 16)), v128.load(k, 32));
      const fromX = f32x4.mul(f32x4.sub(loadPart(x, lanes), v128.load(k)), v128.load(k, 48));
      storePart(dx, f32x4.sub(fromZ, fromX), lanes);
      k += 64;
      dz += <usize>lanes << 2;
      x += <usize>lanes << 2;
      dx += <usize>lanes << 2;
    }
  }
}

/** Writes (mean, γ·invstd, β) of each vector of channels in turn, zero beyond the last channel. */
@inline
function loadCoefficients(to: usize, args: NormalizationArguments): void {
  const channels = args.channels;
  const statistics = args.statistics;
  const invstd = statistics + (<usize>channels << 2);
  for (let c = 0; c < channels; c += 4, to += 48) {
    const lanes = channels - c;
    const at = <usize>c << 2;
    v128.store(to, loadPart(statistics + at, lanes));
    v128.store(to, f32x4.mul(loadPart(args.gamma + at, lanes), loadPart(invstd + at, lanes)), 16);
    v128.store(to, loadPart(args.beta + at, lanes), 32);
  }
}

@inline
function normalise(x: v128, k: usize): v128 {
  return f32x4.add(f32x4.mul(f32x4.sub(x, v128.load(k)), v128.load(k, 16)), v128.load(k, 32));
}

function sumOverChunks(at: usize, chunks: i32, stride: usize): f64 {
  let sum: f64 = 0;
  for (let i = 0; i < chunks; i++, at += stride) sum += load<f32>(at);
  return sum;
}

/* One entry a kind: the bodies are inlined, so that nothing branches on the kind where elements are many. */

export function batchNormIdentity(args: NormalizationArguments, chunk: i32, worker: i32): void {
  forward(IDENTITY, args, chunk, worker);
}
export function batchNormRelu(args: NormalizationArguments, chunk: i32, worker: i32): void {
  forward(RELU, args, chunk, worker);
}
export function batchNormRelu6(args: NormalizationArguments, chunk: i32, worker: i32): void {
  forward(RELU6, args, chunk, worker);
}
export function batchNormSigmoid(args: NormalizationArguments, chunk: i32, worker: i32): void {
  forward(SIGMOID, args, chunk, worker);
}
export function batchNormHardSigmoid(args: NormalizationArguments, chunk: i32, worker: i32): void {
  forward(HARD_SIGMOID, args, chunk, worker);
}
export function batchNormHardSwish(args: NormalizationArguments, chunk: i32, worker: i32): void {
  forward(HARD_SWISH, args, chunk, worker);
}
export function batchNormSilu(args: NormalizationArguments, chunk: i32, worker: i32): void {
  forward(SILU, args, chunk, worker);
}
export function batchNormUniformSigned(args: NormalizationArguments, chunk: i32, worker: i32): void {
  forward(UNIFORM_SIGNED, args, chunk, worker);
}
export function batchNormUniformUnsigned(args: NormalizationArguments, chunk: i32, worker: i32): void {
  forward(UNIFORM_UNSIGNED, args, chunk, worker);
}
export function batchNormPow2Signed(args: NormalizationArguments, chunk: i32, worker: i32): void {
  forward(POW2_SIGNED, args, chunk, worker);
}
export function batchNormPow2Unsigned(args: NormalizationArguments, chunk: i32, worker: i32): void {
  forward(POW2_UNSIGNED, args, chunk, worker);
}
export function batchNormFixedUniformSigned(args: NormalizationArguments, chunk: i32, worker: i32): void {
  forward(FIXED_UNIFORM_SIGNED, args, chunk, worker);
}
export function batchNormFixedUniformUnsigned(args: NormalizationArguments, chunk: i32, worker: i32): void {
  forward(FIXED_UNIFORM_UNSIGNED, args, chunk, worker);
}
export function batchNormFixedPow2Signed(args: NormalizationArguments, chunk: i32, worker: i32): void {
  forward(FIXED_POW2_SIGNED, args, chunk, worker);
}
export function batchNormFixedPow2Unsigned(args: NormalizationArguments, chunk: i32, worker: i32): void {
  forward(FIXED_POW2_UNSIGNED, args, chunk, worker);
}

export function batchNormGradientReduceIdentity(args: ReduceArguments, chunk: i32, worker: i32): void {
  reduce(IDENTITY, args, chunk, worker);
}
export function batchNormGradientReduceRelu(args: ReduceArguments, chunk: i32, worker: i32): void {
  reduce(RELU, args, chunk, worker);
}
export function batchNormGradientReduceRelu6(args: ReduceArguments, chunk: i32, worker: i32): void {
  reduce(RELU6, args, chunk, worker);
}
export function batchNormGradientReduceSigmoid(args: ReduceArguments, chunk: i32, worker: i32): void {
  reduce(SIGMOID, args, chunk, worker);
}
export function batchNormGradientReduceHardSigmoid(args: ReduceArguments, chunk: i32, worker: i32): void {
  reduce(HARD_SIGMOID, args, chunk, worker);
}
export function batchNormGradientReduceHardSwish(args: ReduceArguments, chunk: i32, worker: i32): void {
  reduce(HARD_SWISH, args, chunk, worker);
}
export function batchNormGradientReduceSilu(args: ReduceArguments, chunk: i32, worker: i32): void {
  reduce(SILU, args, chunk, worker);
}
export function batchNormGradientReduceUniformSigned(args: ReduceArguments, chunk: i32, worker: i32): void {
  reduce(UNIFORM_SIGNED, args, chunk, worker);
}
export function batchNormGradientReduceUniformUnsigned(args: ReduceArguments, chunk: i32, worker: i32): void {
  reduce(UNIFORM_UNSIGNED, args, chunk, worker);
}
export function batchNormGradientReducePow2Signed(args: ReduceArguments, chunk: i32, worker: i32): void {
  reduce(POW2_SIGNED, args, chunk, worker);
}
export function batchNormGradientReducePow2Unsigned(args: ReduceArguments, chunk: i32, worker: i32): void {
  reduce(POW2_UNSIGNED, args, chunk, worker);
}
export function batchNormGradientReduceFixedUniformSigned(args: ReduceArguments, chunk: i32, worker: i32): void {
  reduce(FIXED_UNIFORM_SIGNED, args, chunk, worker);
}
export function batchNormGradientReduceFixedUniformUnsigned(args: ReduceArguments, chunk: i32, worker: i32): void {
  reduce(FIXED_UNIFORM_UNSIGNED, args, chunk, worker);
}
export function batchNormGradientReduceFixedPow2Signed(args: ReduceArguments, chunk: i32, worker: i32): void {
  reduce(FIXED_POW2_SIGNED, args, chunk, worker);
}
export function batchNormGradientReduceFixedPow2Unsigned(args: ReduceArguments, chunk: i32, worker: i32): void {
  reduce(FIXED_POW2_UNSIGNED, args, chunk, worker);
}
