/** One step of a solver on a vector of parameters, with weight decay; moving averages of vectors. */
import { ElementArguments } from './elementArguments';
import { loadPart, storePart } from './vector';

@unmanaged
class UpdateArguments extends ElementArguments {
  parameters: usize;
  gradients: usize;
  learningRate: usize;
  learningRateFactor: f32;
  weightDecay: f32;

  @inline
  rate(): v128 {
    return f32x4.mul(f32x4.splat(this.learningRateFactor), v128.load32_splat(this.learningRate));
  }
}

@unmanaged
class MomentumArguments extends UpdateArguments {
  velocity: usize;
  momentum: f32;
  /** 1 for Nesterov momentum, else 0. */
  nesterov: i32;
}

export function momentumUpdate(args: MomentumArguments, chunk: i32, worker: i32): void {
  const rate = args.rate();
  const decay = f32x4.splat(args.weightDecay);
  const momentum = f32x4.splat(args.momentum);
  const looksAhead = args.nesterov != 0;
  const start = args.start(chunk);
  let p = args.parameters + start;
  let g = args.gradients + start;
  let v = args.velocity + start;
  const end = p + (<usize>args.count(chunk) << 2);
  for (; p < end; p += 16, g += 16, v += 16) {
    const lanes = min<i32>(4, (end - p) >> 2);
    const parameter = loadPart(p, lanes);
    const gradient = f32x4.add(loadPart(g, lanes), f32x4.mul(decay, parameter));
    const share = f32x4.mul(rate, gradient);
    const velocity = f32x4.add(f32x4.mul(momentum, loadPart(v, lanes)), share);
    storePart(v, velocity, lanes);
    const step = looksAhead ? f32x4.add(f32x4.mul(momentum, velocity), share) : velocity;
    storePart(p, f32x4.sub(parameter, step), lanes);
  }
}

@unmanaged
class AdamArguments extends UpdateArguments {
  firstMoment: usize;
  secondMoment: usize;
  beta1: f32;
  beta2: f32;
  epsilon: f32;
}

export function adamUpdate(args: AdamArguments, chunk: i32, worker: i32): void {
  const rate = args.rate();
  const decay = f32x4.splat(args.weightDecay);
  const beta1 = f32x4.splat(args.beta1);
  const beta2 = f32x4.splat(args.beta2);
  const epsilon = f32x4.splat(args.epsilon);
  const rest1 = f32x4.splat(<f32>(1 - <f64>args.beta1));
  const rest2 = f32x4.splat(<f32>(1 - <f64>args.beta2));
  const start = args.start(chunk);
  let p = args.parameters + start;
  let g = args.gradients + start;
  let m = args.firstMoment + start;
  let v = args.secondMoment + start;
  const end = p + (<usize>args.count(chunk) << 2);
  for (; p < end; p += 16, g += 16, m += 16, v += 16) {
    const lanes = min<i32>(4, (end - p) >> 2);
    const parameter = loadPart(p, lanes);
    const gradient = f32x4.add(loadPart(g, lanes), f32x4.mul(decay, parameter));
    const mean = f32x4.add(f32x4.mul(beta1, loadPart(m, lanes)), f32x4.mul(rest1, gradient));
    const square = f32x4.mul(rest2, f32x4.mul(gradient, gradient));
    const variance = f32x4.add(f32x4.mul(beta2, loadPart(v, lanes)), square);
    storePart(m, mean, lanes);
    storePart(v, variance, lanes);
    const step = f32x4.div(f32x4.mul(rate, mean), f32x4.add(f32x4.sqrt(variance), epsilon));
    storePart(p, f32x4.sub(parameter, step), lanes);
  }
}

@unmanaged
class MovingAverageArguments extends ElementArguments {
  values: usize;
  average: usize;
  /** Weight of the values in the average. */
  weight: usize;
}

export function movingAverage(args: MovingAverageArguments, chunk: i32, worker: i32): void {
  const weight = v128.load32_splat(args.weight);
  const start = args.start(chunk);
  let x = args.values + start;
  let a = args.average + start;
  const end = x + (<usize>args.count(chunk) << 2);
  for (; x < end; x += 16, a += 16) {
    const lanes = min<i32>(4, (end - x) >> 2);
    const average = loadPart(a, lanes);
    storePart(a, f32x4.add(average, f32x4.mul(weight, f32x4.sub(loadPart(x, lanes), average))), lanes);
  }
}
