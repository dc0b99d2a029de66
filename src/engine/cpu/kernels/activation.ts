/** Activations: y = act(x), and their gradients with the two sums of quantizer gradients. */
import {
  activate,
  FIXED_POW2_SIGNED,
  FIXED_POW2_UNSIGNED,
  FIXED_UNIFORM_SIGNED,
  FIXED_UNIFORM_UNSIGNED,
  HARD_SIGMOID,
  HARD_SWISH,
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
import { ElementArguments } from './elementArguments';
import { laneSum, loadPart, storePart } from './vector';

@unmanaged
class ActivationArguments extends ElementArguments {
  x: usize;
  y: usize;
  range: usize;
}

@inline
function forward(kind: i32, args: ActivationArguments, chunk: i32): void {
  const range = args.range;
  const e0 = v128.load32_splat(range);
  const e1 = v128.load32_splat(range, 4);
  const inverse = f32x4.div(f32x4.splat(1), e0);
  const start = args.start(chunk);
  const count = args.count(chunk);
  let x = args.x + start;
  let y = args.y + start;
  const end = x + ((count & ~3) << 2);
  for (; x < end; x += 16, y += 16) v128.store(y, activate(kind, v128.load(x), e0, e1, inverse));
  const rest = count & 3;
  if (rest) storePart(y, activate(kind, loadPart(x, rest), e0, e1, inverse), rest);
}

@unmanaged
class GradientArguments extends ElementArguments {
  x: usize;
  dy: usize;
  dx: usize;
  range: usize;
  /** Partial sums of each chunk: [chunks, 2]. */
  sums: usize;
}

@inline
function backward(kind: i32, args: GradientArguments, chunk: i32): void {
  const range = args.range;
  const e0 = v128.load32_splat(range);
  const e1 = v128.load32_splat(range, 4);
  const inverse = f32x4.div(f32x4.splat(1), e0);
  const start = args.start(chunk);
  let x = args.x + start;
  let dy = args.dy + start;
  let dx = args.dx + start;
  let sum0 = f32x4.splat(0);
  let sum1 = f32x4.splat(0);
  const end = x + (<usize>args.count(chunk) << 2);
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
  const sums = args.sums + (<usize>chunk << 3);
  store<f32>(sums, laneSum(sum0));
  store<f32>(sums, laneSum(sum1), 4);
}

/* One entry a kind: the bodies are inlined, so that nothing branches on the kind where elements are many. */

export function activationRelu(args: ActivationArguments, chunk: i32, worker: i32): void {
  forward(RELU, args, chunk);
}
export function activationRelu6(args: ActivationArguments, chunk: i32, worker: i32): void {
  forward(RELU6, args, chunk);
}
export function activationSigmoid(args: ActivationArguments, chunk: i32, worker: i32): void {
  forward(SIGMOID, args, chunk);
}
export function activationHardSigmoid(args: ActivationArguments, chunk: i32, worker: i32): void {
  forward(HARD_SIGMOID, args, chunk);
}
export function activationHardSwish(args: ActivationArguments, chunk: i32, worker: i32): void {
  forward(HARD_SWISH, args, chunk);
}
export function activationSilu(args: ActivationArguments, chunk: i32, worker: i32): void {
  forward(SILU, args, chunk);
}
export function activationUniformSigned(args: ActivationArguments, chunk: i32, worker: i32): void {
  forward(UNIFORM_SIGNED, args, chunk);
}
export function activationUniformUnsigned(args: ActivationArguments, chunk: i32, worker: i32): void {
  forward(UNIFORM_UNSIGNED, args, chunk);
}
export function activationPow2Signed(args: ActivationArguments, chunk: i32, worker: i32): void {
  forward(POW2_SIGNED, args, chunk);
}
export function activationPow2Unsigned(args: ActivationArguments, chunk: i32, worker: i32): void {
  forward(POW2_UNSIGNED, args, chunk);
}
export function activationFixedUniformSigned(args: ActivationArguments, chunk: i32, worker: i32): void {
  forward(FIXED_UNIFORM_SIGNED, args, chunk);
}
export function activationFixedUniformUnsigned(args: ActivationArguments, chunk: i32, worker: i32): void {
  forward(FIXED_UNIFORM_UNSIGNED, args, chunk);
}
export function activationFixedPow2Signed(args: ActivationArguments, chunk: i32, worker: i32): void {
  forward(FIXED_POW2_SIGNED, args, chunk);
}
export function activationFixedPow2Unsigned(args: ActivationArguments, chunk: i32, worker: i32): void {
  forward(FIXED_POW2_UNSIGNED, args, chunk);
}

export function activationGradientRelu(args: GradientArguments, chunk: i32, worker: i32): void {
  backward(RELU, args, chunk);
}
export function activationGradientRelu6(args: GradientArguments, chunk: i32, worker: i32): void {
  backward(RELU6, args, chunk);
}
export function activationGradientSigmoid(args: GradientArguments, chunk: i32, worker: i32): void {
  backward(SIGMOID, args, chunk);
}
export function activationGradientHardSigmoid(args: GradientArguments, chunk: i32, worker: i32): void {
  backward(HARD_SIGMOID, args, chunk);
}
export function activationGradientHardSwish(args: GradientArguments, chunk: i32, worker: i32): void {
  backward(HARD_SWISH, args, chunk);
}
export function activationGradientSilu(args: GradientArguments, chunk: i32, worker: i32): void {
  backward(SILU, args, chunk);
}
export function activationGradientUniformSigned(args: GradientArguments, chunk: i32, worker: i32): void {
  backward(UNIFORM_SIGNED, args, chunk);
}
export function activationGradientUniformUnsigned(args: GradientArguments, chunk: i32, worker: i32): void {
  backward(UNIFORM_UNSIGNED, args, chunk);
}
export function activationGradientPow2Signed(args: GradientArguments, chunk: i32, worker: i32): void {
  backward(POW2_SIGNED, args, chunk);
}
export function activationGradientPow2Unsigned(args: GradientArguments, chunk: i32, worker: i32): void {
  backward(POW2_UNSIGNED, args, chunk);
}
export function activationGradientFixedUniformSigned(args: GradientArguments, chunk: i32, worker: i32): void {
  backward(FIXED_UNIFORM_SIGNED, args, chunk);
}
export function activationGradientFixedUniformUnsigned(args: GradientArguments, chunk: i32, worker: i32): void {
  backward(FIXED_UNIFORM_UNSIGNED, args, chunk);
}
export function activationGradientFixedPow2Signed(args: GradientArguments, chunk: i32, worker: i32): void {
  backward(FIXED_POW2_SIGNED, args, chunk);
}
export function activationGradientFixedPow2Unsigned(args: GradientArguments, chunk: i32, worker: i32): void {
  backward(FIXED_POW2_UNSIGNED, args, chunk);
}
