/**
 * Activations on their own: y = act(x), and its gradient with the two sums of quantizer gradients.
 */
import {
  activate,
  FIXED_POW2_SIGNED,
  FIXED_POW2_UNSIGNED,
  FIXED_UNIFORM_SIGNED,
  FIXED_UNIFORM_UNSIGNED,
  POW2_SIGNED,
  POW2_UNSIGNED,
  RELU,
  RELU6,
  UNIFORM_SIGNED,
  UNIFORM_UNSIGNED,
  inputGradient,
  isLearned,
  rangeContribution0,
  rangeContribution1,
} from './activationElement';
import { laneSum, loadPart, storePart } from './vector';

/** Arguments: x, y, range, elements, elements a chunk. */
@inline
function forward(kind: i32, args: usize, chunk: i32, worker: i32): void {
  const range = load<usize>(args, 8);
  const perChunk = load<i32>(args, 16);
  const first = <usize>chunk * perChunk;
  const count = min(perChunk, load<i32>(args, 12) - <i32>first);
  const e0 = v128.load32_splat(range);
  const e1 = v128.load32_splat(range, 4);
  const inverse = f32x4.div(f32x4.splat(1), e0);
  let x = load<usize>(args) + first * 4;
  let y = load<usize>(args, 4) + first * 4;
  const end = x + ((count & ~3) << 2);
  for (; x < end; x += 16, y += 16) v128.store(y, activate(kind, v128.load(x), e0, e1, inverse));
  const rest = count & 3;
  if (rest) storePart(y, activate(kind, loadPart(x, rest), e0, e1, inverse), rest);
}

/** Arguments: x, dy, dx, range, elements, elements a chunk, sums of each chunk [chunks, 2]. */
@inline
function backward(kind: i32, args: usize, chunk: i32, worker: i32): void {
  const range = load<usize>(args, 12);
  const perChunk = load<i32>(args, 20);
  const first = <usize>chunk * perChunk;
  const count = min(perChunk, load<i32>(args, 16) - <i32>first);
  const e0 = v128.load32_splat(range);
  const e1 = v128.load32_splat(range, 4);
  const inverse = f32x4.div(f32x4.splat(1), e0);
  let x = load<usize>(args) + first * 4;
  let dy = load<usize>(args, 4) + first * 4;
  let dx = load<usize>(args, 8) + first * 4;
  let sum0 = f32x4.splat(0);
  let sum1 = f32x4.splat(0);
  const end = x + (<usize>count << 2);
  for (; x < end; x += 16, dy += 16, dx += 16) {
    const lanes = min<i32>(4, (end - x) >> 2);
    const v = loadPart(x, lanes);
    const g = loadPart(dy, lanes);
    if (isLearned(kind)) {
      sum0 = f32x4.add(sum0, rangeContribution0(kind, v, e0, e1, inverse, g));
      sum1 = f32x4.add(sum1, rangeContribution1(kind, v, e1, g));
    }
    storePart(dx, inputGradient(kind, v, e0, e1, g), lanes);
  }
  const sums = load<usize>(args, 24) + (<usize>chunk << 3);
  store<f32>(sums, laneSum(sum0));
  store<f32>(sums, laneSum(sum1), 4);
}

/* One entry a kind: the bodies are inlined, so that nothing branches on the kind where elements are many. */

export function activationRelu(args: usize, chunk: i32, worker: i32): void {
  forward(RELU, args, chunk, worker);
}
export function activationRelu6(args: usize, chunk: i32, worker: i32): void {
  forward(RELU6, args, chunk, worker);
}
export function activationUniformSigned(args: usize, chunk: i32, worker: i32): void {
  forward(UNIFORM_SIGNED, args, chunk, worker);
}
export function activationUniformUnsigned(args: usize, chunk: i32, worker: i32): void {
  forward(UNIFORM_UNSIGNED, args, chunk, worker);
}
export function activationPow2Signed(args: usize, chunk: i32, worker: i32): void {
  forward(POW2_SIGNED, args, chunk, worker);
}
export function activationPow2Unsigned(args: usize, chunk: i32, worker: i32): void {
  forward(POW2_UNSIGNED, args, chunk, worker);
}
export function activationFixedUniformSigned(args: usize, chunk: i32, worker: i32): void {
  forward(FIXED_UNIFORM_SIGNED, args, chunk, worker);
}
export function activationFixedUniformUnsigned(args: usize, chunk: i32, worker: i32): void {
  forward(FIXED_UNIFORM_UNSIGNED, args, chunk, worker);
}
export function activationFixedPow2Signed(args: usize, chunk: i32, worker: i32): void {
  forward(FIXED_POW2_SIGNED, args, chunk, worker);
}
export function activationFixedPow2Unsigned(args: usize, chunk: i32, worker: i32): void {
  forward(FIXED_POW2_UNSIGNED, args, chunk, worker);
}

export function activationGradientRelu(args: usize, chunk: i32, worker: i32): void {
  backward(RELU, args, chunk, worker);
}
export function activationGradientRelu6(args: usize, chunk: i32, worker: i32): void {
  backward(RELU6, args, chunk, worker);
}
export function activationGradientUniformSigned(args: usize, chunk: i32, worker: i32): void {
  backward(UNIFORM_SIGNED, args, chunk, worker);
}
export function activationGradientUniformUnsigned(args: usize, chunk: i32, worker: i32): void {
  backward(UNIFORM_UNSIGNED, args, chunk, worker);
}
export function activationGradientPow2Signed(args: usize, chunk: i32, worker: i32): void {
  backward(POW2_SIGNED, args, chunk, worker);
}
export function activationGradientPow2Unsigned(args: usize, chunk: i32, worker: i32): void {
  backward(POW2_UNSIGNED, args, chunk, worker);
}
export function activationGradientFixedUniformSigned(args: usize, chunk: i32, worker: i32): void {
  backward(FIXED_UNIFORM_SIGNED, args, chunk, worker);
}
export function activationGradientFixedUniformUnsigned(args: usize, chunk: i32, worker: i32): void {
  backward(FIXED_UNIFORM_UNSIGNED, args, chunk, worker);
}
export function activationGradientFixedPow2Signed(args: usize, chunk: i32, worker: i32): void {
  backward(FIXED_POW2_SIGNED, args, chunk, worker);
}
export function activationGradientFixedPow2Unsigned(args: usize, chunk: i32, worker: i32): void {
  backward(FIXED_POW2_UNSIGNED, args, chunk, worker);
}
