/**
 * The linear layer, y = x·w + b, and its gradients. A tile of results shares what it loads, and its sums do not wait for
 * each other: 4 rows × 8 columns, or 2 rows × 4 columns where the sums run along vectors.
 */
import { loadLanes, storeLanes } from './convDirect';
import { laneSum, loadPart } from './vector';

@unmanaged
class LinearArguments {
  x: usize;
  w: usize;
  b: usize;
  y: usize;
  batch: i32;
  inputs: i32;
  outputs: i32;
}

/** Outputs of a chunk: the weights that four rows of x share should stay in the second cache. */
const CHUNK_OUTPUTS = 128;

/** A chunk is 4 rows of x and some outputs: all rows, then the next outputs. */
export function linear(args: LinearArguments, chunk: i32, worker: i32): void {
  const outputs = args.outputs;
  const tiles = (args.batch + 3) >> 2;
  const row = (chunk % tiles) << 2;
  const first = chunk / tiles * CHUNK_OUTPUTS;
  sumProducts(
    args.x + <usize>(row * args.inputs * 4),
    args.inputs << 2,
    4,
    min(4, args.batch - row),
    args.w + <usize>(first << 2),
    outputs << 2,
    args.inputs,
    min(CHUNK_OUTPUTS, outputs - first),
    args.b + <usize>(first << 2),
    args.y + <usize>((row * outputs + first) << 2),
  );
}

@unmanaged
class LinearInputGradientArguments {
  dy: usize;
  w: usize;
  dx: usize;
  batch: i32;
  inputs: i32;
  outputs: i32;
}

/** A chunk is two rows of dy. */
export function linearInputGradient(args: LinearInputGradientArguments, chunk: i32, worker: i32): void {
  const inputs = args.inputs;
  const outputs = args.outputs;
  const rowBytes = outputs << 2;
  const whole = outputs & -4;
  const lanes = outputs - whole;
  const row = chunk << 1;
  const dy = args.dy + <usize>(row * rowBytes);
  // A tile with fewer rows computes the last ones twice.
  const nextRow = row + 1 < args.batch ? rowBytes : 0;
  let dx = args.dx + <usize>((row * inputs) << 2);
  const nextResult = nextRow ? inputs << 2 : 0;
  for (let i = 0; i < inputs; i += 4, dx += 16) {
    const used = inputs - i;
    const w0 = args.w + <usize>(i * rowBytes);
    const w1 = w0 + (used > 1 ? rowBytes : 0);
    const w2 = w1 + (used > 2 ? rowBytes : 0);
    const w3 = w2 + (used > 3 ? rowBytes : 0);
    let c00 = f32x4.splat(0);
    let c01 = f32x4.splat(0);
    let c02 = f32x4.splat(0);
    let c03 = f32x4.splat(0);
    let c10 = f32x4.splat(0);
    let c11 = f32x4.splat(0);
    let c12 = f32x4.splat(0);
    let c13 = f32x4.splat(0);
    for (let at: usize = 0; at < <usize>rowBytes; at += 16) {
      const isWhole = at < <usize>(whole << 2);
      const a0 = isWhole ? v128.load(dy + at) : loadPart(dy + at, lanes);
      const a1 = isWhole ? v128.load(dy + nextRow + at) : loadPart(dy + nextRow + at, lanes);
      let b = isWhole ? v128.load(w0 + at) : loadPart(w0 + at, lanes);
      c00 = f32x4.add(c00, f32x4.mul(a0, b));
      c10 = f32x4.add(c10, f32x4.mul(a1, b));
      b = isWhole ? v128.load(w1 + at) : loadPart(w1 + at, lanes);
      c01 = f32x4.add(c01, f32x4.mul(a0, b));
      c11 = f32x4.add(c11, f32x4.mul(a1, b));
      b = isWhole ? v128.load(w2 + at) : loadPart(w2 + at, lanes);
      c02 = f32x4.add(c02, f32x4.mul(a0, b));
      c12 = f32x4.add(c12, f32x4.mul(a1, b));
      b = isWhole ? v128.load(w3 + at) : loadPart(w3 + at, lanes);
      c03 = f32x4.add(c03, f32x4.mul(a0, b));
      c13 = f32x4.add(c13, f32x4.mul(a1, b));
    }
    storeSums(dx + nextResult, used, c10, c11, c12, c13);
    storeSums(dx, used, c00, c01, c02, c03);
  }
}

function storeSums(to: usize, used: i32, c0: v128, c1: v128, c2: v128, c3: v128): void {
  let sums = f32x4.splat(laneSum(c0));
  sums = f32x4.replace_lane(sums, 1, laneSum(c1));
  sums = f32x4.replace_lane(sums, 2, laneSum(c2));
  sums = f32x4.replace_lane(sums, 3, laneSum(c3));
  storeLanes(to, sums, used);
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

/** A chunk is 4 rows of dw; one more is db. */
export function linearWeightGradient(args: LinearWeightGradientArguments, chunk: i32, worker: i32): void {
  const batch = args.batch;
  const inputs = args.inputs;
  const outputs = args.outputs;
  const row = <usize>outputs << 2;
  const dy = args.dy;
  const input = chunk << 2;
  if (input >= inputs) {
    const db = args.db;
    for (let o = 0; o < outputs; o += 4) {
      const lanes = outputs - o;
      let at = dy + (<usize>o << 2);
      let sum = f32x4.splat(0);
      for (let image = 0; image < batch; image++, at += row) sum = f32x4.add(sum, loadPart(at, lanes));
      storeLanes(db + (<usize>o << 2), sum, lanes);
    }
    return;
  }
  sumProducts(
    args.x + <usize>(input << 2),
    4,
    inputs << 2,
    min(4, inputs - input),
    dy,
    outputs << 2,
    batch,
    outputs,
    0,
    args.dw + <usize>input * row,
  );
}

/**
 * Up to 4 rows of results: each the bias (or 0) and the sum of `count` rows at w times a factor each. A row's factors
 * begin `apart` bytes after the previous row's, and are `step` bytes from each other. Rows of w have `rowBytes`, of
 * which `columns` numbers are used.
 */
function sumProducts(
  factors: usize,
  apart: i32,
  step: i32,
  used: i32,
  w: usize,
  rowBytes: i32,
  count: i32,
  columns: i32,
  bias: usize,
  y: usize,
): void {
  // A tile with fewer rows computes the last ones twice.
  const f1 = factors + (used > 1 ? apart : 0);
  const f2 = f1 + (used > 2 ? apart : 0);
  const f3 = f2 + (used > 3 ? apart : 0);
  for (let column = 0; column < columns; column += 8) {
    const lanes = columns - column;
    const at = <usize>column << 2;
    let c00 = f32x4.splat(0);
    let c01 = f32x4.splat(0);
    let c10 = f32x4.splat(0);
    let c11 = f32x4.splat(0);
    let c20 = f32x4.splat(0);
    let c21 = f32x4.splat(0);
    let c30 = f32x4.splat(0);
    let c31 = f32x4.splat(0);
    let p0 = factors;
    let p1 = f1;
    let p2 = f2;
    let p3 = f3;
    let q = w + at;
    for (let i = 0; i < count; i++, q += rowBytes, p0 += step, p1 += step, p2 += step, p3 += step) {
      const b0 = lanes >= 8 ? v128.load(q) : loadPart(q, lanes);
      const b1 = lanes >= 8 ? v128.load(q, 16) : loadLanes(q + 16, lanes - 4);
      let a = v128.load32_splat(p0);
      c00 = f32x4.add(c00, f32x4.mul(a, b0));
      c01 = f32x4.add(c01, f32x4.mul(a, b1));
      a = v128.load32_splat(p1);
      c10 = f32x4.add(c10, f32x4.mul(a, b0));
      c11 = f32x4.add(c11, f32x4.mul(a, b1));
      a = v128.load32_splat(p2);
      c20 = f32x4.add(c20, f32x4.mul(a, b0));
      c21 = f32x4.add(c21, f32x4.mul(a, b1));
      a = v128.load32_splat(p3);
      c30 = f32x4.add(c30, f32x4.mul(a, b0));
      c31 = f32x4.add(c31, f32x4.mul(a, b1));
    }
    const from = bias ? bias + at : 0;
    let to = y + at;
    putRow(to, c00, c01, from, lanes);
    if (used > 1) putRow((to += rowBytes), c10, c11, from, lanes);
    if (used > 2) putRow((to += rowBytes), c20, c21, from, lanes);
    if (used > 3) putRow(to + rowBytes, c30, c31, from, lanes);
  }
}

function putRow(to: usize, low: v128, high: v128, bias: usize, lanes: i32): void {
  if (bias) {
    low = f32x4.add(loadPart(bias, lanes), low);
    high = f32x4.add(loadLanes(bias + 16, lanes - 4), high);
  }
  storeLanes(to, low, lanes);
  storeLanes(to + 16, high, lanes - 4);
}
