/**
 * Weight gradient of a 3×3 convolution of stride 1 by the transposed Winograd algorithm: inputs and gradients of a
 * block of tiles are transformed, then each of the 16 places sums its outer products over the tiles, 4 input × 8 result
 * channels at a time, into the chunk's partial sums [groups][panels][16][input channels][8]. A second kernel adds the chunks'
 * sums in their order and transforms them back, once.
 */

import { outerProducts, PartialSumsArguments, WeightGradientArguments } from './convWeightGradient';
import { halved, SKEW, TILE_BYTES, tabulateTiles, transformInput } from './convWinogradTransforms';

@unmanaged
class WinogradWeightGradientArguments extends WeightGradientArguments {
  top: i32;
  left: i32;
  windowRows: i32;
  windowColumns: i32;
  blockTiles: i32;
}

export function winogradWeightGradient(args: WinogradWeightGradientArguments, chunk: i32, worker: i32): void {
  const groups = args.groups;
  const depth = args.depth / groups;
  const resultWidth = args.resultWidth;
  const allChannels = args.channels;
  const channels = allChannels / groups;
  const blockTiles = args.blockTiles;

  const pixelChunk = chunk % args.chunks;
  const firstDepth = args.firstDepth(chunk);
  const taken = min(args.blockDepth, depth - firstDepth);
  const panels = channels >> 3;
  const firstPanel = args.firstPanel(chunk);
  const lastPanel = min(firstPanel + args.blockPanels, panels);
  const partials = args.partials + <usize>pixelChunk * (allChannels * depth * 64) + <usize>(firstDepth << 5);

  const pixelBytes = taken * 4;
  const rowBytes = args.windowColumns * pixelBytes;
  const windowBytes = args.windowRows * rowBytes;
  const resultRowBytes = resultWidth * allChannels * 4;
  const imageBytes = args.resultHeight * resultRowBytes;
  const window = args.scratchOf(worker);
  const inputs = window + <usize>(args.itemImages * windowBytes + 63 & -64);
  const gradients = inputs + <usize>(blockTiles * pixelBytes * 16) + SKEW * 16;
  const table = gradients + <usize>(blockTiles * 512) + SKEW * 16;
  const firstItem = args.firstItem(pixelChunk);
  const lastItem = args.firstItem(pixelChunk + 1);
  for (let item = firstItem; item < lastItem; item++) {
    const image = args.firstImage(item);
    const count = args.imagesFrom(image);
    const firstRow = args.firstRow(item);
    const rows = args.rowsFrom(firstRow);
    const top = args.top + firstRow;
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
      allChannels * 4,
    );
    args.touchPanels(item, firstPanel, lastPanel);
    for (let group = 0; group < groups; group++) {
      const channel = group * depth + firstDepth;
      args.padImages(window, image, count, top, args.left, args.windowRows, args.windowColumns, channel, taken);
      const gradient =
        args.result + <usize>image * imageBytes + <usize>(firstRow * resultRowBytes + group * channels * 4);
      for (let tile = 0; tile < tiles; tile += blockTiles) {
        const fresh = item == firstItem && tile == 0;
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
          transformGradient(gradients, gradientDistance, entries, used, from, resultRowBytes, allChannels << 2);
          let target = partials + <usize>(group * panels + panel) * (depth << 9);
          let a = inputs;
          let b = gradients;
          for (let position = 0; position < 16; position++) {
            for (let i = 0; i < pixelBytes; i += 16) {
              inline.always(outerProducts(target + <usize>(i << 3), 4, fresh, a + i, b, 1, 1, used, pixelBytes, 0, 0));
            }
            target += depth << 5;
            a += inputDistance;
            b += gradientDistance;
          }
        }
      }
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
