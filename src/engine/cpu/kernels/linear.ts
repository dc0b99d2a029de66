/** The linear layer, y = x·w + b, and its gradients. */
import { laneSum, loadPart, storePart } from './vector';

/** A chunk is a row of x. Arguments: x, w, b, y, inputs, outputs. */
export function linear(args: usize, chunk: i32, worker: i32): void {
  const inputs = load<i32>(args, 16);
  const outputs = load<i32>(args, 20);
  const row = <usize>outputs << 2;
  const x = load<usize>(args) + <usize>chunk * inputs * 4;
  const w = load<usize>(args, 4);
  const b = load<usize>(args, 8);
  const y = load<usize>(args, 12) + <usize>chunk * row;
  for (let o = 0; o < outputs; o += 4) {
    const lanes = outputs - o;
    const at = <usize>o << 2;
    const sum = f32x4.add(loadPart(b + at, lanes), combineRows(x, 4, w + at, row, inputs, lanes));
    storePart(y + at, sum, lanes);
  }
}

/** A chunk is a row of dy. Arguments: dy, w, dx, inputs, outputs. */
export function linearInputGradient(args: usize, chunk: i32, worker: i32): void {
  const inputs = load<i32>(args, 12);
  const outputs = load<i32>(args, 16);
  const row = <usize>outputs << 2;
  const dy = load<usize>(args) + <usize>chunk * row;
  let w = load<usize>(args, 4);
  const dx = load<usize>(args, 8) + <usize>chunk * inputs * 4;
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

/** A chunk is a row of dw; one more is db. Arguments: x, dy, dw, db, batch, inputs, outputs. */
export function linearWeightGradient(args: usize, chunk: i32, worker: i32): void {
  const batch = load<i32>(args, 16);
  const inputs = load<i32>(args, 20);
  const outputs = load<i32>(args, 24);
  const row = <usize>outputs << 2;
  const dy = load<usize>(args, 4);
  if (chunk == inputs) {
    const db = load<usize>(args, 12);
    for (let o = 0; o < outputs; o += 4) {
      const lanes = outputs - o;
      let at = dy + (<usize>o << 2);
      let sum = f32x4.splat(0);
      for (let image = 0; image < batch; image++, at += row) sum = f32x4.add(sum, loadPart(at, lanes));
      storePart(db + (<usize>o << 2), sum, lanes);
    }
    return;
  }
  const x = load<usize>(args) + (<usize>chunk << 2);
  const dw = load<usize>(args, 8) + <usize>chunk * row;
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
