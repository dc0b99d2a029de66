/**
 * Transforms of Winograd's F(2×2, 3×3), with 16 products instead of 36. They hold only ±1 and ½: as accurate as the direct
 * sum in float32, and exact on quantized operands as long as that is.
 */

import { gather, storeSum } from './vector';

/** Bᵀ d B of four by four pixels at `x`, four channels each, to 16 places `distance` apart. */
@inline
export function transformTwoInput(target: usize, distance: usize, x: usize, rowBytes: usize, pixel: usize): void {
  const row2 = rowBytes << 1;
  let to = target;
  let p = x;
  let q = x + row2;
  let t0 = f32x4.sub(v128.load(p), v128.load(q));
  let t1 = f32x4.sub(v128.load(p + pixel), v128.load(q + pixel));
  p += pixel << 1;
  q += pixel << 1;
  let t2 = f32x4.sub(v128.load(p), v128.load(q));
  let t3 = f32x4.sub(v128.load(p + pixel), v128.load(q + pixel));
  to = storeRow(to, distance, t0, t1, t2, t3);

  p = x + rowBytes;
  q = x + row2;
  const a0 = v128.load(p);
  const b0 = v128.load(q);
  const a1 = v128.load(p + pixel);
  const b1 = v128.load(q + pixel);
  p += pixel << 1;
  q += pixel << 1;
  const a2 = v128.load(p);
  const b2 = v128.load(q);
  const a3 = v128.load(p + pixel);
  const b3 = v128.load(q + pixel);
  to = storeRow(to, distance, f32x4.add(a0, b0), f32x4.add(a1, b1), f32x4.add(a2, b2), f32x4.add(a3, b3));
  to = storeRow(to, distance, f32x4.sub(b0, a0), f32x4.sub(b1, a1), f32x4.sub(b2, a2), f32x4.sub(b3, a3));

  p = x + rowBytes;
  q = p + row2;
  t0 = f32x4.sub(v128.load(p), v128.load(q));
  t1 = f32x4.sub(v128.load(p + pixel), v128.load(q + pixel));
  p += pixel << 1;
  q += pixel << 1;
  t2 = f32x4.sub(v128.load(p), v128.load(q));
  t3 = f32x4.sub(v128.load(p + pixel), v128.load(q + pixel));
  storeRow(to, distance, t0, t1, t2, t3);
}

@inline
function storeRow(target: usize, distance: usize, t0: v128, t1: v128, t2: v128, t3: v128): usize {
  v128.store(target, f32x4.sub(t0, t2));
  target += distance;
  v128.store(target, f32x4.add(t1, t2));
  target += distance;
  v128.store(target, f32x4.sub(t2, t1));
  target += distance;
  v128.store(target, f32x4.sub(t1, t3));
  return target + distance;
}

/** Aᵀ m A of 16 places at `products` to the `rows` × `columns` pixels at `y` that are inside the result, plus the addend. */
@inline
export function transformTwoResult(
  y: usize,
  rowBytes: usize,
  pixelBytes: usize,
  rows: i32,
  columns: i32,
  addendDistance: usize,
  adds: bool,
  products: usize,
  distance: usize,
): void {
  let p = products;
  let m0 = v128.load(p);
  p += distance;
  let m1 = v128.load(p);
  p += distance;
  let m2 = v128.load(p);
  p += distance;
  let m3 = v128.load(p);
  p += distance;
  let y00 = f32x4.add(f32x4.add(m0, m1), m2);
  let y01 = f32x4.sub(f32x4.sub(m1, m2), m3);

  m0 = v128.load(p);
  p += distance;
  m1 = v128.load(p);
  p += distance;
  m2 = v128.load(p);
  p += distance;
  m3 = v128.load(p);
  p += distance;
  let y10 = f32x4.add(f32x4.add(m0, m1), m2);
  let y11 = f32x4.sub(f32x4.sub(m1, m2), m3);
  y00 = f32x4.add(y00, y10);
  y01 = f32x4.add(y01, y11);

  m0 = v128.load(p);
  p += distance;
  m1 = v128.load(p);
  p += distance;
  m2 = v128.load(p);
  p += distance;
  m3 = v128.load(p);
  p += distance;
  let s0 = f32x4.add(f32x4.add(m0, m1), m2);
  let s1 = f32x4.sub(f32x4.sub(m1, m2), m3);
  y00 = f32x4.add(y00, s0);
  y01 = f32x4.add(y01, s1);
  y10 = f32x4.sub(y10, s0);
  y11 = f32x4.sub(y11, s1);

  m0 = v128.load(p);
  p += distance;
  m1 = v128.load(p);
  p += distance;
  m2 = v128.load(p);
  p += distance;
  m3 = v128.load(p);
  s0 = f32x4.add(f32x4.add(m0, m1), m2);
  s1 = f32x4.sub(f32x4.sub(m1, m2), m3);
  y10 = f32x4.sub(y10, s0);
  y11 = f32x4.sub(y11, s1);

  storeSum(y, y00, addendDistance, adds);
  if (columns > 1) storeSum(y + pixelBytes, y01, addendDistance, adds);
  if (rows < 2) return;
  storeSum(y + rowBytes, y10, addendDistance, adds);
  if (columns > 1) storeSum(y + rowBytes + pixelBytes, y11, addendDistance, adds);
}

/** G g Gᵀ of the nine taps of four channels at `g` to 16 places `distance` apart. */
@inline
export function transformTwoWeights(
  to: usize,
  distance: usize,
  g: usize,
  rowBytes: usize,
  columnBytes: usize,
  channelBytes: usize,
): void {
  const g00 = gather(g, channelBytes);
  const g01 = gather(g + columnBytes, channelBytes);
  const g02 = gather(g + columnBytes + columnBytes, channelBytes);
  g += rowBytes;
  const g10 = halved(gather(g, channelBytes));
  const g11 = halved(gather(g + columnBytes, channelBytes));
  const g12 = halved(gather(g + columnBytes + columnBytes, channelBytes));
  g += rowBytes;
  const g20 = gather(g, channelBytes);
  const g21 = gather(g + columnBytes, channelBytes);
  const g22 = gather(g + columnBytes + columnBytes, channelBytes);
  const e0 = halved(f32x4.add(g00, g20));
  const e1 = halved(f32x4.add(g01, g21));
  const e2 = halved(f32x4.add(g02, g22));
  to = storeWeights(to, distance, g00, g01, g02);
  to = storeWeights(to, distance, f32x4.add(e0, g10), f32x4.add(e1, g11), f32x4.add(e2, g12));
  to = storeWeights(to, distance, f32x4.sub(e0, g10), f32x4.sub(e1, g11), f32x4.sub(e2, g12));
  storeWeights(to, distance, g20, g21, g22);
}

@inline
function halved(a: v128): v128 {
  return f32x4.mul(a, f32x4.splat(0.5));
}

@inline
function storeWeights(target: usize, distance: usize, g0: v128, g1: v128, g2: v128): usize {
  const even = halved(f32x4.add(g0, g2));
  const half = halved(g1);
  v128.store(target, g0);
  target += distance;
  v128.store(target, f32x4.add(even, half));
  target += distance;
  v128.store(target, f32x4.sub(even, half));
  target += distance;
  v128.store(target, g2);
  return target + distance;
}
