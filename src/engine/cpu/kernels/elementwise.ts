/** Sums of two tensors, and products of a tensor with a learned factor. */
import { laneSum, loadPart, storePart } from './vector';

/** Arguments: a, b, a + b, elements, elements a chunk. */
export function add(args: usize, chunk: i32, worker: i32): void {
  const perChunk = load<i32>(args, 16);
  const first = <usize>chunk * perChunk;
  const count = min(perChunk, load<i32>(args, 12) - <i32>first);
  let a = load<usize>(args) + first * 4;
  let b = load<usize>(args, 4) + first * 4;
  let sum = load<usize>(args, 8) + first * 4;
  const end = a + ((count & ~3) << 2);
  for (; a < end; a += 16, b += 16, sum += 16) v128.store(sum, f32x4.add(v128.load(a), v128.load(b)));
  const rest = count & 3;
  if (rest) storePart(sum, f32x4.add(loadPart(a, rest), loadPart(b, rest)), rest);
}

/** Arguments: x, factor, y, elements, elements a chunk. */
export function scale(args: usize, chunk: i32, worker: i32): void {
  const factor = v128.load32_splat(load<usize>(args, 4));
  const perChunk = load<i32>(args, 16);
  const first = <usize>chunk * perChunk;
  const count = min(perChunk, load<i32>(args, 12) - <i32>first);
  let x = load<usize>(args) + first * 4;
  let y = load<usize>(args, 8) + first * 4;
  const end = x + ((count & ~3) << 2);
  for (; x < end; x += 16, y += 16) v128.store(y, f32x4.mul(v128.load(x), factor));
  const rest = count & 3;
  if (rest) storePart(y, f32x4.mul(loadPart(x, rest), factor), rest);
}

/** Arguments: x, factor, dy, dx, elements, elements a chunk, Σ x·dy of each chunk. */
export function scaleGradient(args: usize, chunk: i32, worker: i32): void {
  const factor = v128.load32_splat(load<usize>(args, 4));
  const perChunk = load<i32>(args, 20);
  const first = <usize>chunk * perChunk;
  const count = min(perChunk, load<i32>(args, 16) - <i32>first);
  let x = load<usize>(args) + first * 4;
  let dy = load<usize>(args, 8) + first * 4;
  let dx = load<usize>(args, 12) + first * 4;
  let sum = f32x4.splat(0);
  const end = x + (<usize>count << 2);
  for (; x < end; x += 16, dy += 16, dx += 16) {
    const lanes = min<i32>(4, (end - x) >> 2);
    const g = loadPart(dy, lanes);
    sum = f32x4.add(sum, f32x4.mul(loadPart(x, lanes), g));
    storePart(dx, f32x4.mul(g, factor), lanes);
  }
  store<f32>(load<usize>(args, 24) + (<usize>chunk << 2), laneSum(sum));
}

/** Adds rows of floats in order. Arguments: rows [count, length], count, length, sum. */
export function sumRows(args: usize, chunk: i32, worker: i32): void {
  const rows = load<usize>(args);
  const count = load<i32>(args, 4);
  const bytes = <usize>load<i32>(args, 8) << 2;
  const total = load<usize>(args, 12);
  for (let i: usize = 0; i < bytes; i += 4) {
    let sum: f64 = 0;
    let at = rows + i;
    for (let row = 0; row < count; row++, at += bytes) sum += load<f32>(at);
    store<f32>(total + i, <f32>sum);
  }
}
