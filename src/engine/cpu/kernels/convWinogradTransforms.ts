/**
 * Winograd's F(2×2, 3×3): two by two results of a 3×3 convolution from four by four inputs with 16 products instead of
 * 36: Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A (Lavin and Gray 2016). The transforms hold only ±1 and ½: as accurate as the direct
 * sum in float32, and exact on quantized operands as long as that is. The weight gradient is the transposed algorithm,
 * dW = Gᵀ[Σ (A dY Aᵀ) ⊙ (Bᵀ d B)]G over the tiles.
 */

/** Bytes between the 16 places of a transformed tile, so that powers of two do not collide in one set of the cache. */
export const SKEW: usize = 64;

/** Bytes of the transformed weights of eight result channels; a place of 16 takes a sixteenth. */
@inline
export function winogradPanelBytes(depth: i32): usize {
  return ((<usize>depth << 5) + SKEW) << 4;
}

/**
 * Bytes of an entry in the table of tiles: offset in the window, offset in the result, rows and columns inside it (1 or
 * 2).
 */
export const TILE_BYTES: i32 = 16;

/** Lists the tiles of `rows` × `columns` results of each of `images` images; their number. */
export function tabulateTiles(
  table: usize,
  images: i32,
  rows: i32,
  columns: i32,
  imageIn: i32,
  rowIn: i32,
  columnIn: i32,
  imageOut: i32,
  rowOut: i32,
  columnOut: i32,
): i32 {
  let entry = table;
  let tiles = 0;
  for (let image = 0; image < images; image++) {
    for (let row = 0; row < rows; row += 2) {
      for (let column = 0; column < columns; column += 2, entry += TILE_BYTES, tiles++) {
        store<i32>(entry, image * imageIn + row * rowIn + column * columnIn);
        store<i32>(entry, image * imageOut + row * rowOut + column * columnOut, 4);
        store<i32>(entry, min(2, rows - row), 8);
        store<i32>(entry, min(2, columns - column), 12);
      }
    }
  }
  return tiles;
}

/** Bᵀ d B of four by four pixels at `x`, `depth` channels (a multiple of 4) each, to 16 places `distance` apart. */
export function transformInput(target: usize, distance: usize, x: usize, rowBytes: usize, depth: i32): void {
  const pixel = <usize>(depth << 2);
  const end = x + pixel;
  const row2 = rowBytes << 1;
  for (; x < end; x += 16, target += 16) {
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

/** Strides in elements; negative ones rotate. */
@unmanaged
class WinogradPackingArguments {
  weights: usize;
  channelStride: i32;
  depth: i32;
  depthStride: i32;
  target: usize;
  /** Element. */
  first: i32;
  rowStride: i32;
  columnStride: i32;
  /** Panels of a group of channels. */
  panels: i32;
  /** From a group's weights to the next one's. */
  groupStride: i32;
}

/** Packs G g Gᵀ as [groups][panels][16][depth][8]. Chunk = group · panels + panel. */
export function packWinogradWeights(args: WinogradPackingArguments, chunk: i32, worker: i32): void {
  const channelBytes = <usize>(args.channelStride << 2);
  const depth = args.depth;
  const depthStride = args.depthStride;
  const rowBytes = <usize>(args.rowStride << 2);
  const columnBytes = <usize>(args.columnStride << 2);
  const first = args.first + (chunk / args.panels) * args.groupStride;
  const start = args.weights + <usize>(first << 2) + <usize>((chunk % args.panels) << 3) * channelBytes;
  const distance = winogradPanelBytes(depth) >> 4;
  let target = args.target + <usize>chunk * winogradPanelBytes(depth);
  for (let i = 0; i < depth; i++, target += 32) {
    const source = start + <usize>((i * depthStride) << 2);
    for (let half = 0; half < 2; half++) {
      let p = source + <usize>(half << 2) * channelBytes;
      const g00 = gather(p, channelBytes);
      const g01 = gather(p + columnBytes, channelBytes);
      const g02 = gather(p + columnBytes + columnBytes, channelBytes);
      p += rowBytes;
      const g10 = halved(gather(p, channelBytes));
      const g11 = halved(gather(p + columnBytes, channelBytes));
      const g12 = halved(gather(p + columnBytes + columnBytes, channelBytes));
      p += rowBytes;
      const g20 = gather(p, channelBytes);
      const g21 = gather(p + columnBytes, channelBytes);
      const g22 = gather(p + columnBytes + columnBytes, channelBytes);
      const e0 = halved(f32x4.add(g00, g20));
      const e1 = halved(f32x4.add(g01, g21));
      const e2 = halved(f32x4.add(g02, g22));
      let to = target + (half << 4);
      to = storeWeights(to, distance, g00, g01, g02);
      to = storeWeights(to, distance, f32x4.add(e0, g10), f32x4.add(e1, g11), f32x4.add(e2, g12));
      to = storeWeights(to, distance, f32x4.sub(e0, g10), f32x4.sub(e1, g11), f32x4.sub(e2, g12));
      storeWeights(to, distance, g20, g21, g22);
    }
  }
}

/** Four floats `stride` bytes apart. */
@inline
function gather(p: usize, stride: usize): v128 {
  if (stride == 4) return v128.load(p);
  let values = v128.load32_zero(p);
  values = v128.load32_lane(p + stride, values, 1);
  values = v128.load32_lane(p + stride * 2, values, 2);
  return v128.load32_lane(p + stride * 3, values, 3);
}

@inline
export function halved(a: v128): v128 {
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
