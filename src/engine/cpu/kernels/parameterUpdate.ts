/** One step of a solver on a vector of parameters, weight decay added to the gradient; moving averages of vectors. */
import { loadPart, storePart } from './vector';

/**
 * Arguments: parameters, gradients, velocity, learning rate, elements, elements a chunk, weight decay, momentum, whether
 * the momentum is Nesterov's.
 */
export function momentumUpdate(args: usize, chunk: i32, worker: i32): void {
  const rate = v128.load32_splat(load<usize>(args, 12));
  const decay = v128.load32_splat(args, 24);
  const momentum = v128.load32_splat(args, 28);
  const looksAhead = load<i32>(args, 32) != 0;
  const perChunk = load<i32>(args, 20);
  const first = <usize>chunk * perChunk;
  const count = min(perChunk, load<i32>(args, 16) - <i32>first);
  let p = load<usize>(args) + first * 4;
  let g = load<usize>(args, 4) + first * 4;
  let v = load<usize>(args, 8) + first * 4;
  const end = p + (<usize>count << 2);
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

/**
 * Arguments: parameters, gradients, first moment, learning rate, elements, elements a chunk, weight decay, β1, β2, ε,
 * second moment.
 */
export function adamUpdate(args: usize, chunk: i32, worker: i32): void {
  const rate = v128.load32_splat(load<usize>(args, 12));
  const decay = v128.load32_splat(args, 24);
  const beta1 = v128.load32_splat(args, 28);
  const beta2 = v128.load32_splat(args, 32);
  const epsilon = v128.load32_splat(args, 36);
  const rest1 = f32x4.splat(<f32>(1 - <f64>load<f32>(args, 28)));
  const rest2 = f32x4.splat(<f32>(1 - <f64>load<f32>(args, 32)));
  const perChunk = load<i32>(args, 20);
  const first = <usize>chunk * perChunk;
  const count = min(perChunk, load<i32>(args, 16) - <i32>first);
  let p = load<usize>(args) + first * 4;
  let g = load<usize>(args, 4) + first * 4;
  let m = load<usize>(args, 8) + first * 4;
  let v = load<usize>(args, 40) + first * 4;
  const end = p + (<usize>count << 2);
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

/** Arguments: values, average, weight of the values, elements, elements a chunk. */
export function movingAverage(args: usize, chunk: i32, worker: i32): void {
  const weight = v128.load32_splat(load<usize>(args, 8));
  const perChunk = load<i32>(args, 16);
  const first = <usize>chunk * perChunk;
  const count = min(perChunk, load<i32>(args, 12) - <i32>first);
  let x = load<usize>(args) + first * 4;
  let a = load<usize>(args, 4) + first * 4;
  const end = x + (<usize>count << 2);
  for (; x < end; x += 16, a += 16) {
    const lanes = min<i32>(4, (end - x) >> 2);
    const average = loadPart(a, lanes);
    storePart(a, f32x4.add(average, f32x4.mul(weight, f32x4.sub(loadPart(x, lanes), average))), lanes);
  }
}
