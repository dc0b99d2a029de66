/** Pooling and subsampling of NHWC tensors. A chunk is one image. */
import { accumulate, loadPart, storePart } from './vector';

/** x and y, or their gradients. */
@unmanaged
class AverageArguments {
  x: usize;
  y: usize;
  /** An image. */
  pixels: i32;
  channels: i32;
}

export function globalAveragePool(args: AverageArguments, chunk: i32, worker: i32): void {
  const pixels = args.pixels;
  const channels = args.channels;
  const row = <usize>channels << 2;
  const x = args.x + <usize>chunk * pixels * row;
  const y = args.y + <usize>chunk * row;
  const share = f32x4.splat(1 / <f32>pixels);
  for (let c = 0; c < channels; c += 4) {
    const lanes = channels - c;
    let at = x + (<usize>c << 2);
    let sum = f32x4.splat(0);
    for (let pixel = 0; pixel < pixels; pixel++, at += row) sum = f32x4.add(sum, loadPart(at, lanes));
    storePart(y + (<usize>c << 2), f32x4.mul(sum, share), lanes);
  }
}

export function globalAveragePoolGradient(args: AverageArguments, chunk: i32, worker: i32): void {
  const pixels = args.pixels;
  const channels = args.channels;
  const row = <usize>channels << 2;
  const dy = args.y + <usize>chunk * row;
  const dx = args.x + <usize>chunk * pixels * row;
  const share = f32x4.splat(1 / <f32>pixels);
  for (let c = 0; c < channels; c += 4) {
    const lanes = channels - c;
    const g = f32x4.mul(loadPart(dy + (<usize>c << 2), lanes), share);
    let at = dx + (<usize>c << 2);
    for (let pixel = 0; pixel < pixels; pixel++, at += row) storePart(at, g, lanes);
  }
}

/** x and y, or their gradients. */
@unmanaged
class WindowArguments {
  x: usize;
  y: usize;
  /** Positions of maxima, or 0. */
  argmax: usize;
  height: i32;
  width: i32;
  channels: i32;
  outHeight: i32;
  outWidth: i32;
  tapRows: i32;
  rowStride: i32;
  rowDilation: i32;
  /** First row of the first window. */
  top: i32;
  tapColumns: i32;
  columnStride: i32;
  columnDilation: i32;
  left: i32;
  /** 1 if averages count padding as zeros. */
  countsPadding: i32;

  /** Bytes of an image of x. */
  @inline
  imageBytes(): usize {
    return <usize>this.height * this.width * this.channels * 4;
  }

  /** Elements of an image of y. */
  @inline
  outElements(): usize {
    return <usize>this.outHeight * this.outWidth * this.channels;
  }

  /** The first row of x in the window of row `at` of y. */
  @inline
  firstRow(at: i32): i32 {
    return inside(this.top + at * this.rowStride, this.rowDilation);
  }

  /** The end of the rows of x in the window of row `at` of y. */
  @inline
  endRow(at: i32): i32 {
    return min(this.height, this.top + at * this.rowStride + (this.tapRows - 1) * this.rowDilation + 1);
  }

  @inline
  firstColumn(at: i32): i32 {
    return inside(this.left + at * this.columnStride, this.columnDilation);
  }

  @inline
  endColumn(at: i32): i32 {
    return min(this.width, this.left + at * this.columnStride + (this.tapColumns - 1) * this.columnDilation + 1);
  }

  /**
   * Number of pixels by which a window's sum is divided; inside the image it has those from (top, left) to before
   * (bottom, right).
   */
  @inline
  counted(top: i32, bottom: i32, left: i32, right: i32): i32 {
    if (this.countsPadding) return this.tapRows * this.tapColumns;
    return countOf(top, bottom, this.rowDilation) * countOf(left, right, this.columnDilation);
  }

  /** Index of the tap of the window of (row, column) of y that covers row `h` and column `w` of x. */
  @inline
  tap(row: i32, column: i32, h: i32, w: i32): i32 {
    const down = (h - this.top - row * this.rowStride) / this.rowDilation;
    return down * this.tapColumns + (w - this.left - column * this.columnStride) / this.columnDilation;
  }
}

/** The first position from `start`, in steps of `dilation`, that is not below 0. */
@inline
function inside(start: i32, dilation: i32): i32 {
  return start >= 0 ? start : start + (dilation - 1 - start) / dilation * dilation;
}

/** Number of positions from `first` to before `end` in steps of `dilation`. */
@inline
function countOf(first: i32, end: i32, dilation: i32): i32 {
  return (end - first + dilation - 1) / dilation;
}

/** The mean of each window. */
export function averagePool(args: WindowArguments, chunk: i32, worker: i32): void {
  const width = args.width;
  const channels = args.channels;
  const row = <usize>channels << 2;
  const rowDilation = args.rowDilation;
  const columnDilation = args.columnDilation;
  const next = <usize>columnDilation * row;
  const x = args.x + <usize>chunk * args.imageBytes();
  let y = args.y + <usize>chunk * args.outElements() * 4;
  for (let oy = 0; oy < args.outHeight; oy++) {
    const top = args.firstRow(oy);
    const bottom = args.endRow(oy);
    for (let ox = 0; ox < args.outWidth; ox++, y += row) {
      const left = args.firstColumn(ox);
      const right = args.endColumn(ox);
      const share = f32x4.splat(1 / <f32>args.counted(top, bottom, left, right));
      for (let c = 0; c < channels; c += 4) {
        const lanes = channels - c;
        let sum = f32x4.splat(0);
        for (let h = top; h < bottom; h += rowDilation) {
          let at = x + <usize>(h * width + left) * row + (<usize>c << 2);
          for (let w = left; w < right; w += columnDilation, at += next) sum = f32x4.add(sum, loadPart(at, lanes));
        }
        storePart(y + (<usize>c << 2), f32x4.mul(sum, share), lanes);
      }
    }
  }
}

/** Adds each window's gradient to its pixels, one window after another. */
export function averagePoolGradient(args: WindowArguments, chunk: i32, worker: i32): void {
  const width = args.width;
  const channels = args.channels;
  const row = <usize>channels << 2;
  const rowDilation = args.rowDilation;
  const columnDilation = args.columnDilation;
  const next = <usize>columnDilation * row;
  const dx = args.x + <usize>chunk * args.imageBytes();
  let dy = args.y + <usize>chunk * args.outElements() * 4;
  memory.fill(dx, 0, args.imageBytes());
  for (let oy = 0; oy < args.outHeight; oy++) {
    const top = args.firstRow(oy);
    const bottom = args.endRow(oy);
    for (let ox = 0; ox < args.outWidth; ox++, dy += row) {
      const left = args.firstColumn(ox);
      const right = args.endColumn(ox);
      const share = f32x4.splat(1 / <f32>args.counted(top, bottom, left, right));
      for (let c = 0; c < channels; c += 4) {
        const lanes = channels - c;
        const g = f32x4.mul(loadPart(dy + (<usize>c << 2), lanes), share);
        for (let h = top; h < bottom; h += rowDilation) {
          let at = dx + <usize>(h * width + left) * row + (<usize>c << 2);
          for (let w = left; w < right; w += columnDilation, at += next) storePart(at, f32x4.add(loadPart(at, lanes), g), lanes);
        }
      }
    }
  }
}

export function maxPool(args: WindowArguments, chunk: i32, worker: i32): void {
  const width = args.width;
  const channels = args.channels;
  const rowDilation = args.rowDilation;
  const columnDilation = args.columnDilation;
  const row = <usize>channels << 2;
  const x = args.x + <usize>chunk * args.imageBytes();
  let y = args.y + <usize>chunk * args.outElements() * 4;
  const hasArgmax = args.argmax != 0;
  let argmax = args.argmax + <usize>chunk * args.outElements();
  for (let oy = 0; oy < args.outHeight; oy++) {
    const top = args.firstRow(oy);
    const bottom = args.endRow(oy);
    for (let ox = 0; ox < args.outWidth; ox++, y += row, argmax += channels) {
      const left = args.firstColumn(ox);
      const right = args.endColumn(ox);
      const firstTap = args.tap(oy, ox, top, left);
      let c = 0;
      // Sixteen channels share the loops over taps, and a store of their places.
      for (; c + 16 <= channels; c += 16) {
        const at = x + (<usize>c << 2);
        let p = at + <usize>(top * width + left) * row;
        let best0 = v128.load(p);
        let best1 = v128.load(p, 16);
        let best2 = v128.load(p, 32);
        let best3 = v128.load(p, 48);
        let places0 = i32x4.splat(firstTap);
        let places1 = places0;
        let places2 = places0;
        let places3 = places0;
        let line = firstTap;
        for (let h = top; h < bottom; h += rowDilation, line += args.tapColumns) {
          let tap = line;
          for (let w = left; w < right; w += columnDilation, tap++) {
            p = at + <usize>(h * width + w) * row;
            const place = i32x4.splat(tap);
            let value = v128.load(p);
            let isNew = exceeds(value, best0);
            best0 = v128.bitselect(value, best0, isNew);
            places0 = v128.bitselect(place, places0, isNew);
            value = v128.load(p, 16);
            isNew = exceeds(value, best1);
            best1 = v128.bitselect(value, best1, isNew);
            places1 = v128.bitselect(place, places1, isNew);
            value = v128.load(p, 32);
            isNew = exceeds(value, best2);
            best2 = v128.bitselect(value, best2, isNew);
            places2 = v128.bitselect(place, places2, isNew);
            value = v128.load(p, 48);
            isNew = exceeds(value, best3);
            best3 = v128.bitselect(value, best3, isNew);
            places3 = v128.bitselect(place, places3, isNew);
          }
        }
        const to = y + (<usize>c << 2);
        v128.store(to, best0);
        v128.store(to, best1, 16);
        v128.store(to, best2, 32);
        v128.store(to, best3, 48);
        if (!hasArgmax) continue;
        const low = i16x8.narrow_i32x4_u(places0, places1);
        v128.store(argmax + c, i8x16.narrow_i16x8_u(low, i16x8.narrow_i32x4_u(places2, places3)));
      }
      for (; c < channels; c += 4) {
        const lanes = channels - c;
        const at = x + (<usize>c << 2);
        let best = loadPart(at + <usize>(top * width + left) * row, lanes);
        let places = i32x4.splat(firstTap);
        let line = firstTap;
        for (let h = top; h < bottom; h += rowDilation, line += args.tapColumns) {
          let tap = line;
          for (let w = left; w < right; w += columnDilation, tap++) {
            const value = loadPart(at + <usize>(h * width + w) * row, lanes);
            const isNew = exceeds(value, best);
            best = v128.bitselect(value, best, isNew);
            places = v128.bitselect(i32x4.splat(tap), places, isNew);
          }
        }
        storePart(y + (<usize>c << 2), best, lanes);
        if (hasArgmax) storeBytes(argmax + c, places, lanes);
      }
    }
  }
}

/** Tells which values become the maximum; only NaN differs from itself. */
@inline
function exceeds(value: v128, best: v128): v128 {
  return v128.or(f32x4.gt(value, best), f32x4.ne(value, value));
}

export function maxPoolGradient(args: WindowArguments, chunk: i32, worker: i32): void {
  const width = args.width;
  const channels = args.channels;
  const rowDilation = args.rowDilation;
  const columnDilation = args.columnDilation;
  const row = <usize>channels << 2;
  let argmax = args.argmax + <usize>chunk * args.outElements();
  let dy = args.y + <usize>chunk * args.outElements() * 4;
  const dx = args.x + <usize>chunk * args.imageBytes();
  memory.fill(dx, 0, args.imageBytes());
  for (let oy = 0; oy < args.outHeight; oy++) {
    const top = args.firstRow(oy);
    const bottom = args.endRow(oy);
    for (let ox = 0; ox < args.outWidth; ox++, dy += row, argmax += channels) {
      const left = args.firstColumn(ox);
      const right = args.endColumn(ox);
      const firstTap = args.tap(oy, ox, top, left);
      let c = 0;
      for (; c + 16 <= channels; c += 16) {
        const from = dy + (<usize>c << 2);
        const g0 = v128.load(from);
        const g1 = v128.load(from, 16);
        const g2 = v128.load(from, 32);
        const g3 = v128.load(from, 48);
        const places = v128.load(argmax + c);
        let line = firstTap;
        for (let h = top; h < bottom; h += rowDilation, line += args.tapColumns) {
          let tap = line;
          for (let w = left; w < right; w += columnDilation, tap++) {
            // Bytes of ones, widened to four bytes of ones each.
            const isMaximum = i8x16.eq(places, i8x16.splat(<i8>tap));
            const low = i16x8.extend_low_i8x16_s(isMaximum);
            const high = i16x8.extend_high_i8x16_s(isMaximum);
            const target = dx + (<usize>c << 2) + <usize>(h * width + w) * row;
            accumulate(target, v128.and(g0, i32x4.extend_low_i16x8_s(low)));
            accumulate(target + 16, v128.and(g1, i32x4.extend_high_i16x8_s(low)));
            accumulate(target + 32, v128.and(g2, i32x4.extend_low_i16x8_s(high)));
            accumulate(target + 48, v128.and(g3, i32x4.extend_high_i16x8_s(high)));
          }
        }
      }
      for (; c < channels; c += 4) {
        const lanes = channels - c;
        const at = dx + (<usize>c << 2);
        const g = loadPart(dy + (<usize>c << 2), lanes);
        const places = loadBytes(argmax + c, lanes);
        let line = firstTap;
        for (let h = top; h < bottom; h += rowDilation, line += args.tapColumns) {
          let tap = line;
          for (let w = left; w < right; w += columnDilation, tap++) {
            const isMaximum = i32x4.eq(places, i32x4.splat(tap));
            const target = at + <usize>(h * width + w) * row;
            storePart(target, f32x4.add(loadPart(target, lanes), v128.and(g, isMaximum)), lanes);
          }
        }
      }
    }
  }
}

/** The first `count` of four bytes, each in a lane of 32 bits. */
@inline
function loadBytes(address: usize, count: i32): v128 {
  let bytes = i32x4.splat(0);
  if (count >= 4) {
    bytes = v128.load32_zero(address);
  } else {
    bytes = v128.load_lane<u8>(address, bytes, 0);
    if (count > 1) bytes = v128.load_lane<u8>(address, bytes, 1, 1);
    if (count > 2) bytes = v128.load_lane<u8>(address, bytes, 2, 2);
  }
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes));
}

@inline
function storeBytes(address: usize, lanes: v128, count: i32): void {
  store<u8>(address, i32x4.extract_lane(lanes, 0));
  if (count > 1) store<u8>(address, i32x4.extract_lane(lanes, 1), 1);
  if (count > 2) store<u8>(address, i32x4.extract_lane(lanes, 2), 2);
  if (count > 3) store<u8>(address, i32x4.extract_lane(lanes, 3), 3);
}

/** x and y, or their gradients. */
@unmanaged
class SubsampleArguments {
  x: usize;
  y: usize;
  height: i32;
  width: i32;
  channels: i32;
  outHeight: i32;
  outWidth: i32;
  outChannels: i32;
  stride: i32;
  /** Channels with gradients. */
  learning: i32;

  /** Offset in x of pixel (h, w) of an image of y. */
  @inline
  pixel(image: usize, h: i32, w: i32): usize {
    return image + <usize>((h * this.width + w) * this.stride) * (<usize>this.channels << 2);
  }
}

export function subsample(args: SubsampleArguments, chunk: i32, worker: i32): void {
  const row = <usize>args.channels << 2;
  const outRow = <usize>args.outChannels << 2;
  const outHeight = args.outHeight;
  const outWidth = args.outWidth;
  const x = args.x + <usize>chunk * args.height * args.width * row;
  let y = args.y + <usize>chunk * outHeight * outWidth * outRow;
  for (let h = 0; h < outHeight; h++) {
    for (let w = 0; w < outWidth; w++, y += outRow) {
      memory.copy(y, args.pixel(x, h, w), row);
      memory.fill(y + row, 0, outRow - row);
    }
  }
}

export function subsampleGradient(args: SubsampleArguments, chunk: i32, worker: i32): void {
  const row = <usize>args.channels << 2;
  const outRow = <usize>args.outChannels << 2;
  const outHeight = args.outHeight;
  const outWidth = args.outWidth;
  const imageBytes = <usize>args.height * args.width * row;
  const dx = args.x + <usize>chunk * imageBytes;
  let dy = args.y + <usize>chunk * outHeight * outWidth * outRow;
  const learning = <usize>args.learning << 2;
  memory.fill(dx, 0, imageBytes);
  for (let h = 0; h < outHeight; h++) {
    for (let w = 0; w < outWidth; w++, dy += outRow) {
      memory.copy(args.pixel(dx, h, w), dy, learning);
    }
  }
}
