/** The linear layer, y = x·w + b, and its gradients. */
import { laneSum, loadPart, storePart } from './vector';

@unmanaged
class LinearArguments {
  x: usize;
  w: usize;
  b: usize;
  y: usize;
  inputs: i32;
  outputs: i32;
}

/** A chunk is a row of x. */
export function linear(args: LinearArguments, chunk: i32, worker: i32): void {
  const inputs = args.inputs;
  const outputs = args.outputs;
  const row = <usize>outputs << 2;
  const x = args.x + <usize>chunk * inputs * 4;
  const w = args.w;
  const b = args.b;
  const y = args.y + <usize>chunk * row;
  for (let o = 0; o < outputs; o += 4) {
    const lanes = outputs - o;
    const at = <usize>o << 2;
    const sum = f32x4.add(loadPart(b + at, lanes), combineRows(x, 4, w + at, row, inputs, lanes));
    storePart(y + at, sum, lanes);
  }
}

@unmanaged
class LinearInputGradientArguments {
  dy: usize;
  w: usize;
  dx: usize;
  inputs: i32;
  outputs: i32;
}

/** A chunk is a row of dy. */
export function linearInputGradient(args: LinearInputGradientArguments, chunk: i32, worker: i32): void {
  const inputs = args.inputs;
  const outputs = args.outputs;
  const row = <usize>outputs << 2;
  const dy = args.dy + <usize>chunk * row;
  let w = args.w;
  const dx = args.dx + <usize>chunk * inputs * 4;
  for (let i: usize = 0; i < <usize>inputs; i++, w += row) {
    let sum = f32x4.splat(0);
    for (let o = 0; o < outputs; o += 4) {
      const lanes = outputs - o;
      const at = <usize>o << 2;
      sum = f32x4.add(sum, f32x4.mul(loadPart(dy + at, lanes), loadPart(w + at, lanes)));
    }
    store<f32>(dx + (i << 2), laneSum(sum));
  }
}

@unmanaged
class LinearWeightGradientArguments {
  x: usize;
  dy: usize;
  dw: usize;
  db: usize;
  batch: i32;
  inputs: i32;
  outputs: i32;
}

/** A chunk is a row of dw; one more is db. */
export function linearWeightGradient(args: LinearWeightGradientArguments, chunk: i32, worker: i32): void {
  const batch = args.batch;
  const inputs = args.inputs;
  const outputs = args.outputs;
  const row = <usize>outputs << 2;
  const dy = args.dy;
  if (chunk == inputs) {
    const db = args.db;
    for (let o = 0; o < outputs; o += 4) {
      const lanes = outputs - o;
      let at = dy + (<usize>o << 2);
      let sum = f32x4.splat(0);
      for (let image = 0; image < batch; image++, at += row) sum = f32x4.add(sum, loadPart(at, lanes));
      storePart(db + (<usize>o << 2), sum, lanes);
    }
    return;
  }
  const x = args.x + (<usize>chunk << 2);
  const dw = args.dw + <usize>chunk * row;
  for (let o = 0; o < outputs; o += 4) {
    const lanes = outputs - o;
    const at = <usize>o << 2;
    storePart(dw + at, combineRows(x, <usize>inputs << 2, dy + at, row, batch, lanes), lanes);
  }
}

/** Σ factor[i] · row[i] for a vector of columns. */
@inline
function combineRows(factor: usize, stride: usize, column: usize, row: usize, count: i32, lanes: i32): v128 {
  let sum = f32x4.splat(0);
  for (let i = 0; i < count; i++, factor += stride, column += row) {
    sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(factor), loadPart(column, lanes)));
  }
  return sum;
}
