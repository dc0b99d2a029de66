/**
 * Weight gradient of a 3×3 convolution of stride 1 by the transposed Winograd algorithm: inputs and gradients of a
 * block of tiles are transformed, then each of the 16 places sums its outer products over the tiles, 4 input × 8 result
 * channels at a time, into the chunk's partial sums [panels][16][input channels][8]. A second kernel adds the chunks'
 * sums in their order and transforms them back, once.
 */

import { PartialSumsArguments, WeightGradientArguments } from './convWeightGradient';
import { halved, SKEW, TILE_BYTES, tabulateTiles, transformInput } from './convWinogradTransforms';
import { mad } from './mad';

@unmanaged
class WinogradWeightGradientArguments extends WeightGradientArguments {
  padding: i32;
  windowRows: i32;
  windowColumns: i32;
  blockTiles: i32;
}

export function winogradWeightGradient(args: WinogradWeightGradientArguments, chunk: i32, worker: i32): void {
  const depth = args.depth;
  const resultWidth = args.resultWidth;
  const channels = args.channels;
  const blockTiles = args.blockTiles;

  const pixelChunk = chunk % args.chunks;
  const firstDepth = args.firstDepth(chunk);
  const taken = args.depthFrom(firstDepth);
  const panels = channels >> 3;
  const firstPanel = args.firstPanel(chunk);
  const lastPanel = min(firstPanel + args.blockPanels, panels);
  const partial = args.partials + <usize>pixelChunk * (panels * depth * 512) + <usize>(firstDepth << 5);

  const pixelBytes = taken * 4;
  const rowBytes = args.windowColumns * pixelBytes;
  const windowBytes = args.windowRows * rowBytes;
  const resultRowBytes = resultWidth * channels * 4;
  const imageBytes = args.resultHeight * resultRowBytes;
  const window = args.scratchOf(worker);
  const inputs = window + <usize>(args.itemImages * windowBytes + 63 & -64);
  const gradients = inputs + <usize>(blockTiles * pixelBytes * 16) + SKEW * 16;
  const table = gradients + <usize>(blockTiles * 512) + SKEW * 16;
  const firstItem = args.firstItem(pixelChunk);
  const lastItem = args.firstItem(pixelChunk + 1);
  let fresh = true;
  for (let item = firstItem; item < lastItem; item++) {
    const image = args.firstImage(item);
    const count = args.imagesFrom(image);
    const firstRow = args.firstRow(item);
    const rows = args.rowsFrom(firstRow);
    const left = -args.padding;
    args.padImages(window, image, count, firstRow + left, left, args.windowRows, args.windowColumns, firstDepth, taken);
    const tiles = tabulateTiles(
      table,
      count,
      rows,
      resultWidth,
      windowBytes,
      rowBytes,
      pixelBytes,
      imageBytes,
      resultRowBytes,
      channels * 4,
    );
    const gradient = args.result + <usize>image * imageBytes + <usize>(firstRow * resultRowBytes);
    for (let tile = 0; tile < tiles; tile += blockTiles) {
      const used = min(blockTiles, tiles - tile);
      const entries = table + <usize>(tile * TILE_BYTES);
      const inputDistance = <usize>(used * pixelBytes) + SKEW;
      const gradientDistance = <usize>(used << 5) + SKEW;
      for (let i = 0; i < used; i++) {
        const from = window + load<u32>(entries + <usize>(i * TILE_BYTES));
        transformInput(inputs + <usize>(i * pixelBytes), inputDistance, from, rowBytes, taken);
      }
      for (let panel = firstPanel; panel < lastPanel; panel++) {
        const from = gradient + <usize>(panel << 5);
        transformGradient(gradients, gradientDistance, entries, used, from, resultRowBytes, channels << 2);
        let target = partial + <usize>panel * (depth << 9);
        let a = inputs;
        let b = gradients;
        for (let position = 0; position < 16; position++) {
          for (let i = 0; i < pixelBytes; i += 16) {
            tileOuter(target + <usize>(i << 3), fresh, a + i, pixelBytes, b, used);
          }
          target += depth << 5;
          a += inputDistance;
          b += gradientDistance;
        }
      }
      fresh = false;
    }
  }
}

/** A dY Aᵀ of each tile's two by two gradients (zeros outside), 8 channels, to 16 places `distance` apart. */
function transformGradient(
  target: usize,
  distance: usize,
  entries: usize,
  tiles: i32,
  dy: usize,
  rowBytes: usize,
  pixelBytes: usize,
): void {
  const zero = f32x4.splat(0);
  for (let tile = 0; tile < tiles; tile++, entries += TILE_BYTES, target += 32) {
    const from = dy + load<u32>(entries, 4);
    const twoRows = load<i32>(entries, 8) == 2;
    const twoColumns = load<i32>(entries, 12) == 2;
    for (let half: usize = 0; half < 32; half += 16) {
      const p = from + half;
      const y00 = v128.load(p);
      const y01 = twoColumns ? v128.load(p + pixelBytes) : zero;
      const y10 = twoRows ? v128.load(p + rowBytes) : zero;
      const y11 = twoRows && twoColumns ? v128.load(p + rowBytes + pixelBytes) : zero;
      let to = storeGradient(target + half, distance, y00, y01);
      to = storeGradient(to, distance, f32x4.add(y00, y10), f32x4.add(y01, y11));
      to = storeGradient(to, distance, f32x4.sub(y00, y10), f32x4.sub(y01, y11));
      storeGradient(to, distance, f32x4.neg(y10), f32x4.neg(y11));
    }
  }
}

@inline
function storeGradient(target: usize, distance: usize, left: v128, right: v128): usize {
  v128.store(target, left);
  target += distance;
  v128.store(target, f32x4.add(left, right));
  target += distance;
  v128.store(target, f32x4.sub(left, right));
  target += distance;
  v128.store(target, f32x4.neg(right));
  return target + distance;
}

/** Adds (or sets, when `fresh`) the sum over tiles of 4 inputs × 8 gradients. */
function tileOuter(target: usize, fresh: bool, a: usize, inputBytes: usize, b: usize, tiles: i32): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  const end = b + <usize>(tiles << 5);
  while (b < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let s = v128.load32_splat(a);
    c00 = mad(s, b0, c00);
    c01 = mad(s, b1, c01);
    s = v128.load32_splat(a, 4);
    c10 = mad(s, b0, c10);
    c11 = mad(s, b1, c11);
    s = v128.load32_splat(a, 8);
    c20 = mad(s, b0, c20);
    c21 = mad(s, b1, c21);
    s = v128.load32_splat(a, 12);
    c30 = mad(s, b0, c30);
    c31 = mad(s, b1, c31);
    a += inputBytes;
    b += 32;
  }
  if (!fresh) {
    c00 = f32x4.add(c00, v128.load(target));
    c01 = f32x4.add(c01, v128.load(target, 16));
    c10 = f32x4.add(c10, v128.load(target, 32));
    c11 = f32x4.add(c11, v128.load(target, 48));
    c20 = f32x4.add(c20, v128.load(target, 64));
    c21 = f32x4.add(c21, v128.load(target, 80));
    c30 = f32x4.add(c30, v128.load(target, 96));
    c31 = f32x4.add(c31, v128.load(target, 112));
  }
  v128.store(target, c00);
  v128.store(target, c01, 16);
  v128.store(target, c10, 32);
  v128.store(target, c11, 48);
  v128.store(target, c20, 64);
  v128.store(target, c21, 80);
  v128.store(target, c30, 96);
  v128.store(target, c31, 112);
}

/** dw = Gᵀ(sum of the chunks)G. */
export function reduceWinogradWeightGradient(args: PartialSumsArguments, chunk: i32, worker: i32): void {
  const pixelChunks = args.pixelChunks;
  const depth = args.kernelRows;
  const channels = args.channels;
  const distance = <usize>(depth << 5);
  const partialBytes = <usize>(depth * channels * 64);
  const tapBytes = <usize>(depth * channels * 4);
  const all = (channels >> 2) * depth;
  const last = (chunk + 1) * all / args.chunks;
  for (let index = chunk * all / args.chunks; index < last; index++) {
    const half = index & 1;
    const i = (index >> 1) % depth;
    const panel = (index >> 1) / depth;
    let p = args.partials + <usize>panel * (distance << 4) + <usize>((i << 5) + (half << 4));
    let u0 = sum(p, pixelChunks, partialBytes);
    let u1 = sum(p + distance, pixelChunks, partialBytes);
    let u2 = sum(p + distance * 2, pixelChunks, partialBytes);
    let u3 = sum(p + distance * 3, pixelChunks, partialBytes);
    let e = halved(f32x4.add(u1, u2));
    const w00 = f32x4.add(u0, e);
    const w01 = halved(f32x4.sub(u1, u2));
    const w02 = f32x4.add(e, u3);

    p += distance << 2;
    u0 = sum(p, pixelChunks, partialBytes);
    u1 = sum(p + distance, pixelChunks, partialBytes);
    u2 = sum(p + distance * 2, pixelChunks, partialBytes);
    u3 = sum(p + distance * 3, pixelChunks, partialBytes);
    e = halved(f32x4.add(u1, u2));
    const a0 = halved(f32x4.add(u0, e));
    const a1 = halved(halved(f32x4.sub(u1, u2)));
    const a2 = halved(f32x4.add(e, u3));

    p += distance << 2;
    u0 = sum(p, pixelChunks, partialBytes);
    u1 = sum(p + distance, pixelChunks, partialBytes);
    u2 = sum(p + distance * 2, pixelChunks, partialBytes);
    u3 = sum(p + distance * 3, pixelChunks, partialBytes);
    e = halved(f32x4.add(u1, u2));
    const b0 = halved(f32x4.add(u0, e));
    const b1 = halved(halved(f32x4.sub(u1, u2)));
    const b2 = halved(f32x4.add(e, u3));

    p += distance << 2;
    u0 = sum(p, pixelChunks, partialBytes);
    u1 = sum(p + distance, pixelChunks, partialBytes);
    u2 = sum(p + distance * 2, pixelChunks, partialBytes);
    u3 = sum(p + distance * 3, pixelChunks, partialBytes);
    e = halved(f32x4.add(u1, u2));

    let to = args.dw + <usize>((i * channels + panel * 8 + half * 4) << 2);
    v128.store(to, f32x4.add(w00, f32x4.add(a0, b0)));
    to += tapBytes;
    v128.store(to, f32x4.add(w01, f32x4.add(a1, b1)));
    to += tapBytes;
    v128.store(to, f32x4.add(w02, f32x4.add(a2, b2)));
    to += tapBytes;
    v128.store(to, f32x4.sub(a0, b0));
    to += tapBytes;
    v128.store(to, f32x4.sub(a1, b1));
    to += tapBytes;
    v128.store(to, f32x4.sub(a2, b2));
    to += tapBytes;
    v128.store(to, f32x4.add(f32x4.add(a0, b0), f32x4.add(u0, e)));
    to += tapBytes;
    v128.store(to, f32x4.add(f32x4.add(a1, b1), halved(f32x4.sub(u1, u2))));
    to += tapBytes;
    v128.store(to, f32x4.add(f32x4.add(a2, b2), f32x4.add(e, u3)));
  }
}

/** Sums `count` vectors `distance` bytes apart. */
function sum(p: usize, count: i32, distance: usize): v128 {
  let total = v128.load(p);
  for (let index = 1; index < count; index++) {
    p += distance;
    total = f32x4.add(total, v128.load(p));
  }
  return total;
}
