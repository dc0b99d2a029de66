/** Sums of two tensors, copies, and products of a tensor with a learned factor. */
import { ElementArguments } from './elementArguments';
import { laneSum, loadPart, storePart } from './vector';

@unmanaged
class SumArguments extends ElementArguments {
  a: usize;
  b: usize;
  sum: usize;
}

export function add(args: SumArguments, chunk: i32, worker: i32): void {
  const start = args.start(chunk);
  const count = args.count(chunk);
  let a = args.a + start;
  let b = args.b + start;
  let sum = args.sum + start;
  const end = a + ((count & ~3) << 2);
  for (; a < end; a += 16, b += 16, sum += 16) v128.store(sum, f32x4.add(v128.load(a), v128.load(b)));
  const rest = count & 3;
  if (rest) storePart(sum, f32x4.add(loadPart(a, rest), loadPart(b, rest)), rest);
}

@unmanaged
class CopyArguments extends ElementArguments {
  x: usize;
  y: usize;
}

export function copy(args: CopyArguments, chunk: i32, worker: i32): void {
  const start = args.start(chunk);
  memory.copy(args.y + start, args.x + start, args.count(chunk) << 2);
}

@unmanaged
class ScaleArguments extends ElementArguments {
  x: usize;
  factor: usize;
  y: usize;
}

export function scale(args: ScaleArguments, chunk: i32, worker: i32): void {
  const factor = v128.load32_splat(args.factor);
  const start = args.start(chunk);
  const count = args.count(chunk);
  let x = args.x + start;
  let y = args.y + start;
  const end = x + ((count & ~3) << 2);
  for (; x < end; x += 16, y += 16) v128.store(y, f32x4.mul(v128.load(x), factor));
  const rest = count & 3;
  if (rest) storePart(y, f32x4.mul(loadPart(x, rest), factor), rest);
}

@unmanaged
class ScaleGradientArguments extends ElementArguments {
  x: usize;
  factor: usize;
  dy: usize;
  dx: usize;
  /** Σ x·dy of each chunk. */
  sums: usize;
}

export function scaleGradient(args: ScaleGradientArguments, chunk: i32, worker: i32): void {
  const factor = v128.load32_splat(args.factor);
  const start = args.start(chunk);
  let x = args.x + start;
  let dy = args.dy + start;
  let dx = args.dx + start;
  let sum = f32x4.splat(0);
  const end = x + (<usize>args.count(chunk) << 2);
  for (; x < end; x += 16, dy += 16, dx += 16) {
    const lanes = min<i32>(4, (end - x) >> 2);
    const g = loadPart(dy, lanes);
    sum = f32x4.add(sum, f32x4.mul(loadPart(x, lanes), g));
    storePart(dx, f32x4.mul(g, factor), lanes);
  }
  store<f32>(args.sums + (<usize>chunk << 2), laneSum(sum));
}

@unmanaged
class SumRowsArguments {
  /** [count, length] */
  rows: usize;
  count: i32;
  length: i32;
  sum: usize;
}

/** Adds rows of floats in order. */
export function sumRows(args: SumRowsArguments, chunk: i32, worker: i32): void {
  const rows = args.rows;
  const count = args.count;
  const bytes = <usize>args.length << 2;
  const total = args.sum;
  for (let i: usize = 0; i < bytes; i += 4) {
    let sum: f64 = 0;
    let at = rows + i;
    for (let row = 0; row < count; row++, at += bytes) sum += load<f32>(at);
    store<f32>(total + i, <f32>sum);
  }
}
