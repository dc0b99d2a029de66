/**
 * Kernels of the integer runtime, in AssemblyScript. A layer's arguments are words in memory, at the offsets below; a
 * tensor is rows of pixels of channels with a border of zeros, in bytes (u8), 16 bits (i16) or 32 (i32).
 *
 * A convolution computes one output row of sums at a time, which requantization reads while it is in the cache. Weights
 * are in blocks of eight outputs; within a block, step by step, two vectors of four outputs each with as many inputs as
 * one instruction multiplies (two of 16 bits, four of 8). An input step is splatted, so a lane is an output and no sum
 * runs across lanes. Inputs that a step reads beyond a window's end meet weights of zero.
 */

// Arguments of a convolution, in bytes from their beginning.
const INPUT: usize = 0; // first element of the window of output (0, 0)
const INPUT_ROW: usize = 4; // bytes from row to row
const INPUT_PIXEL: usize = 8; // bytes from output pixel to output pixel: stride · channels · bytes an element
const WINDOW_ROWS: usize = 12;
const STEPS: usize = 16; // of a window's row: its elements over those of a step, rounded up
const WEIGHTS: usize = 20;
const BLOCKS: usize = 24; // of eight outputs
const SUMS: usize = 28; // i32 [pixels rounded up to 4][blocks · 8]
const PIXELS: usize = 32; // of an output row
const DOWN: usize = 36; // bytes from one output row's window to the next
const CHANNELS: usize = 40; // depthwise and wide only

// Forms of a convolution's inputs and sums; all but the first need the relaxed dot products.
const WORDS: i32 = 0; // 16-bit inputs
const BYTES: i32 = 1;
const BYTES_IN_WORDS: i32 = 2; // bytes, with sums that 16 bits hold

/** One row of sums. */
export function convolveRow(at: usize, row: i32, form: i32): void {
  const pixel = load<u32>(at, INPUT_PIXEL) as usize;
  const inputRow = load<u32>(at, INPUT_ROW) as usize;
  const rows = load<i32>(at, WINDOW_ROWS);
  const steps = load<i32>(at, STEPS);
  const blocks = load<i32>(at, BLOCKS);
  const pixels = load<i32>(at, PIXELS);
  const input = load<u32>(at, INPUT) + row * load<i32>(at, DOWN);
  const sums = load<u32>(at, SUMS) as usize;
  const sumPixel = (blocks as usize) << 5;
  let weights = load<u32>(at, WEIGHTS) as usize;
  const blockBytes = ((rows * steps) as usize) << 5;
  for (let block = 0; block < blocks; block++, weights += blockBytes) {
    let to = sums + ((block as usize) << 5);
    let from = input as usize;
    for (let x = 0; x < pixels; x += 4, from += pixel << 2, to += sumPixel << 2) {
      if (ASC_FEATURE_RELAXED_SIMD) {
        if (form == BYTES_IN_WORDS) tileInWords(from, pixel, inputRow, rows, steps, weights, to, sumPixel);
        else if (form == BYTES) tileOfBytes(from, pixel, inputRow, rows, steps, weights, to, sumPixel);
        else tile(from, pixel, inputRow, rows, steps, weights, to, sumPixel);
      } else tile(from, pixel, inputRow, rows, steps, weights, to, sumPixel);
    }
  }
}

/** Four pixels by eight outputs. */
function tile(
  from: usize,
  pixel: usize,
  inputRow: usize,
  rows: i32,
  steps: i32,
  w: usize,
  to: usize,
  sumPixel: usize,
): void {
  let a0 = i32x4.splat(0);
  let a1 = a0;
  let b0 = a0;
  let b1 = a0;
  let c0 = a0;
  let c1 = a0;
  let d0 = a0;
  let d1 = a0;
  const second = pixel << 1;
  const third = second + pixel;
  for (let r = 0; r < rows; r++, from += inputRow) {
    let p = from;
    const end = w + ((steps as usize) << 5);
    for (; w < end; w += 32, p += 4) {
      const w0 = v128.load(w);
      const w1 = v128.load(w, 16);
      let x = v128.load32_splat(p);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(x, w0));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(x, w1));
      x = v128.load32_splat(p + pixel);
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(x, w0));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(x, w1));
      x = v128.load32_splat(p + second);
      c0 = i32x4.add(c0, i32x4.dot_i16x8_s(x, w0));
      c1 = i32x4.add(c1, i32x4.dot_i16x8_s(x, w1));
      x = v128.load32_splat(p + third);
      d0 = i32x4.add(d0, i32x4.dot_i16x8_s(x, w0));
      d1 = i32x4.add(d1, i32x4.dot_i16x8_s(x, w1));
    }
  }
  storeTile(to, sumPixel, a0, a1, b0, b1, c0, c1, d0, d1);
}

/** Four pixels by eight outputs, of bytes below 128 and weights of 8 bits: four inputs a step. */
function tileOfBytes(
  from: usize,
  pixel: usize,
  inputRow: usize,
  rows: i32,
  steps: i32,
  w: usize,
  to: usize,
  sumPixel: usize,
): void {
  let a0 = i32x4.splat(0);
  let a1 = a0;
  let b0 = a0;
  let b1 = a0;
  let c0 = a0;
  let c1 = a0;
  let d0 = a0;
  let d1 = a0;
  const second = pixel << 1;
  const third = second + pixel;
  for (let r = 0; r < rows; r++, from += inputRow) {
    let p = from;
    const end = w + ((steps as usize) << 5);
    for (; w < end; w += 32, p += 4) {
      const w0 = v128.load(w);
      const w1 = v128.load(w, 16);
      let x = v128.load32_splat(p);
      a0 = dotBytes(w0, x, a0);
      a1 = dotBytes(w1, x, a1);
      x = v128.load32_splat(p + pixel);
      b0 = dotBytes(w0, x, b0);
      b1 = dotBytes(w1, x, b1);
      x = v128.load32_splat(p + second);
      c0 = dotBytes(w0, x, c0);
      c1 = dotBytes(w1, x, c1);
      x = v128.load32_splat(p + third);
      d0 = dotBytes(w0, x, d0);
      d1 = dotBytes(w1, x, d1);
    }
  }
  storeTile(to, sumPixel, a0, a1, b0, b1, c0, c1, d0, d1);
}

/**
 * Four pixels by eight outputs, of bytes, if 16 bits hold every sum of half of the inputs: two sums an output, which
 * are added at the end.
 */
function tileInWords(
  from: usize,
  pixel: usize,
  inputRow: usize,
  rows: i32,
  steps: i32,
  w: usize,
  to: usize,
  sumPixel: usize,
): void {
  let a0 = i32x4.splat(0);
  let a1 = a0;
  let b0 = a0;
  let b1 = a0;
  let c0 = a0;
  let c1 = a0;
  let d0 = a0;
  let d1 = a0;
  const second = pixel << 1;
  const third = second + pixel;
  for (let r = 0; r < rows; r++, from += inputRow) {
    let p = from;
    const end = w + ((steps as usize) << 5);
    for (; w < end; w += 32, p += 4) {
      const w0 = v128.load(w);
      const w1 = v128.load(w, 16);
      let x = v128.load32_splat(p);
      a0 = i16x8.add(a0, dotPairs(w0, x));
      a1 = i16x8.add(a1, dotPairs(w1, x));
      x = v128.load32_splat(p + pixel);
      b0 = i16x8.add(b0, dotPairs(w0, x));
      b1 = i16x8.add(b1, dotPairs(w1, x));
      x = v128.load32_splat(p + second);
      c0 = i16x8.add(c0, dotPairs(w0, x));
      c1 = i16x8.add(c1, dotPairs(w1, x));
      x = v128.load32_splat(p + third);
      d0 = i16x8.add(d0, dotPairs(w0, x));
      d1 = i16x8.add(d1, dotPairs(w1, x));
    }
  }
  storeTile(
    to,
    sumPixel,
    i32x4.extadd_pairwise_i16x8_s(a0),
    i32x4.extadd_pairwise_i16x8_s(a1),
    i32x4.extadd_pairwise_i16x8_s(b0),
    i32x4.extadd_pairwise_i16x8_s(b1),
    i32x4.extadd_pairwise_i16x8_s(c0),
    i32x4.extadd_pairwise_i16x8_s(c1),
    i32x4.extadd_pairwise_i16x8_s(d0),
    i32x4.extadd_pairwise_i16x8_s(d1),
  );
}

// @ts-ignore: decorator
@inline
function dotBytes(w: v128, x: v128, sum: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, sum);
  return sum;
}

/** Eight sums of two products. */
// @ts-ignore: decorator
@inline
function dotPairs(w: v128, x: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i16x8.relaxed_dot_i8x16_i7x16_s(w, x);
  return x;
}

// @ts-ignore: decorator
@inline
function storeTile(
  to: usize,
  sumPixel: usize,
  a0: v128,
  a1: v128,
  b0: v128,
  b1: v128,
  c0: v128,
  c1: v128,
  d0: v128,
  d1: v128,
): void {
  v128.store(to, a0);
  v128.store(to, a1, 16);
  to += sumPixel;
  v128.store(to, b0);
  v128.store(to, b1, 16);
  to += sumPixel;
  v128.store(to, c0);
  v128.store(to, c1, 16);
  to += sumPixel;
  v128.store(to, d0);
  v128.store(to, d1, 16);
}

/** One row of depthwise sums: eight channels a step, weights i16 [tap][blocks · 8]. */
export function depthwiseRow(at: usize, row: i32): void {
  const pixel = load<u32>(at, INPUT_PIXEL) as usize;
  const inputRow = load<u32>(at, INPUT_ROW) as usize;
  const rows = load<i32>(at, WINDOW_ROWS);
  const columns = load<i32>(at, STEPS);
  const blocks = load<i32>(at, BLOCKS);
  const pixels = load<i32>(at, PIXELS);
  const next = (load<u32>(at, CHANNELS) as usize) << 1;
  const weights = load<u32>(at, WEIGHTS) as usize;
  const input = (load<u32>(at, INPUT) + row * load<i32>(at, DOWN)) as usize;
  let to = load<u32>(at, SUMS) as usize;
  for (let x = 0; x < pixels; x++) {
    for (let block = 0; block < blocks; block++, to += 32) {
      let low = i32x4.splat(0);
      let high = low;
      let w = weights + ((block as usize) << 4);
      for (let r = 0; r < rows; r++) {
        let p = input + (x as usize) * pixel + (r as usize) * inputRow + ((block as usize) << 4);
        for (let k = 0; k < columns; k++, p += next, w += (blocks as usize) << 4) {
          const v = v128.load(p);
          const u = v128.load(w);
          low = i32x4.add(low, i32x4.extmul_low_i16x8_s(v, u));
          high = i32x4.add(high, i32x4.extmul_high_i16x8_s(v, u));
        }
      }
      v128.store(to, low);
      v128.store(to, high, 16);
    }
  }
}

/** One row of sums of 32-bit inputs by 32-bit weights [tap][in][blocks · 8], for values that exceed 16 bits. */
export function wideRow(at: usize, row: i32, depthwise: bool): void {
  const pixel = load<u32>(at, INPUT_PIXEL) as usize;
  const inputRow = load<u32>(at, INPUT_ROW) as usize;
  const rows = load<i32>(at, WINDOW_ROWS);
  const columns = load<i32>(at, STEPS);
  const outputs = load<i32>(at, BLOCKS) << 3;
  const pixels = load<i32>(at, PIXELS);
  const channels = load<i32>(at, CHANNELS);
  const weights = load<u32>(at, WEIGHTS) as usize;
  const input = (load<u32>(at, INPUT) + row * load<i32>(at, DOWN)) as usize;
  let to = load<u32>(at, SUMS) as usize;
  const inputs = depthwise ? 1 : channels;
  for (let x = 0; x < pixels; x++) {
    for (let o = 0; o < outputs; o++, to += 4) {
      let sum: i32 = 0;
      let w = weights + ((o as usize) << 2);
      for (let r = 0; r < rows; r++) {
        let p = input + (x as usize) * pixel + (r as usize) * inputRow + (depthwise ? (o as usize) << 2 : 0);
        for (let k = 0; k < columns; k++) {
          for (let i = 0; i < inputs; i++, w += (outputs as usize) << 2) sum += load<i32>(p + ((i as usize) << 2)) * load<i32>(w);
          p += (channels as usize) << 2;
        }
      }
      store<i32>(to, sum);
    }
  }
}

// Arguments of a requantization.
const SUMS1: usize = 0; // i32 [pixels][width]
const SUMS2: usize = 4; // of a second product, 0 for none
const WIDTH: usize = 8; // elements from pixel to pixel of the sums
const OUTPUTS: usize = 12;
const COUNT: usize = 16; // pixels
const OUT: usize = 20; // first element of output row 0
const OUT_ROW: usize = 24; // bytes from row to row
const OUT_BYTES: usize = 28; // an element: 1, 2 or 4
const ADDEND: usize = 32; // first element of row 0, 0 for none
const ADDEND_ROW: usize = 36; // bytes, the stride of a subsampled addend included
const ADDEND_PIXEL: usize = 40;
const ADDEND_BYTES: usize = 44;
const ADDEND_CHANNELS: usize = 48; // those beyond are zero
const ADDEND_SHIFT: usize = 52;
const OUTPUT_SHIFT: usize = 56;
const LO: usize = 60;
const HI: usize = 64;
const FACTORS: usize = 68; // f64 [outputs rounded up to 4][2]: M/2^n and b/2^n
const MULTIPLIERS1: usize = 72; // i64 [outputs]
const MULTIPLIERS2: usize = 76;
const BIASES: usize = 80; // i64
const SHIFTS: usize = 84; // i32
const THRESHOLDS: usize = 88; // i64, 0 for none
const LEVELS: usize = 92; // how many thresholds
const VALUES: usize = 96; // i32 [levels + 1]

/**
 * A row in float64, which is exact if every M·a + b is below 2^53, and what is added and every output before its last
 * shift below 2^29; uniform outputs of one product.
 */
export function requantizeRow(at: usize, row: i32): void {
  const width = (load<u32>(at, WIDTH) as usize) << 2;
  const outputs = load<i32>(at, OUTPUTS);
  const pixels = load<i32>(at, COUNT);
  const bytes = load<u32>(at, OUT_BYTES) as usize;
  const factors = load<u32>(at, FACTORS) as usize;
  const lo = i32x4.splat(load<i32>(at, LO));
  const hi = i32x4.splat(load<i32>(at, HI));
  const addendShift = load<i32>(at, ADDEND_SHIFT);
  const outputShift = load<i32>(at, OUTPUT_SHIFT);
  const addendBytes = load<u32>(at, ADDEND_BYTES) as usize;
  const addendChannels = load<i32>(at, ADDEND_CHANNELS);
  const addendPixel = load<u32>(at, ADDEND_PIXEL) as usize;
  let addend = load<u32>(at, ADDEND) as usize;
  if (addend) addend += (row as usize) * (load<u32>(at, ADDEND_ROW) as usize);
  let sums = load<u32>(at, SUMS1) as usize;
  let out = (load<u32>(at, OUT) as usize) + (row as usize) * (load<u32>(at, OUT_ROW) as usize);
  const whole = outputs & ~3;
  for (let x = 0; x < pixels; x++, sums += width, addend += addendPixel) {
    let f = factors;
    for (let o = 0; o < whole; o += 4, f += 64) {
      const a = v128.load(sums + ((o as usize) << 2));
      const low = f64x2.floor(f64x2.add(f64x2.mul(f64x2.convert_low_i32x4_s(a), v128.load(f)), v128.load(f, 16)));
      const upper = i8x16.shuffle(a, a, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
      const high = f64x2.floor(f64x2.add(f64x2.mul(f64x2.convert_low_i32x4_s(upper), v128.load(f, 32)), v128.load(f, 48)));
      let t = i8x16.shuffle(
        i32x4.trunc_sat_f64x2_s_zero(low),
        i32x4.trunc_sat_f64x2_s_zero(high),
        0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23,
      );
      if (addendBytes && o < addendChannels) {
        // Far outside of every output's range, but without overflow when the addend is added.
        t = i32x4.min_s(i32x4.max_s(t, i32x4.splat(-(1 << 30))), i32x4.splat(1 << 30));
        t = i32x4.add(t, i32x4.shl(fourOf(addend, o, addendBytes, addendChannels), addendShift));
      }
      t = i32x4.min_s(i32x4.max_s(i32x4.shr_s(t, outputShift), lo), hi);
      if (bytes == 2) v128.store64_lane(out, i16x8.narrow_i32x4_s(t, t), 0);
      else if (bytes == 1) {
        const words = i16x8.narrow_i32x4_s(t, t);
        v128.store32_lane(out, i8x16.narrow_i16x8_u(words, words), 0);
      } else v128.store(out, t);
      out += bytes << 2;
    }
    for (let o = whole; o < outputs; o++, f += 16) {
      let t = floor<f64>((load<i32>(sums + ((o as usize) << 2)) as f64) * load<f64>(f) + load<f64>(f, 8)) as i64;
      if (addendBytes && o < addendChannels) t += (oneOf(addend, o, addendBytes) as i64) << (addendShift as i64);
      storeOne(out, bytes, clamp(t >> (outputShift as i64), load<i32>(at, LO), load<i32>(at, HI)));
      out += bytes;
    }
  }
}

/** A row in 64-bit integers: two products, powers of two, or numbers that float64 or 32 bits do not hold. */
export function requantizeWideRow(at: usize, row: i32): void {
  const width = (load<u32>(at, WIDTH) as usize) << 2;
  const outputs = load<i32>(at, OUTPUTS);
  const pixels = load<i32>(at, COUNT);
  const bytes = load<u32>(at, OUT_BYTES) as usize;
  const addendShift = load<i32>(at, ADDEND_SHIFT) as i64;
  const outputShift = load<i32>(at, OUTPUT_SHIFT) as i64;
  const addendBytes = load<u32>(at, ADDEND_BYTES) as usize;
  const addendChannels = load<i32>(at, ADDEND_CHANNELS);
  const addendPixel = load<u32>(at, ADDEND_PIXEL) as usize;
  const multipliers = load<u32>(at, MULTIPLIERS1) as usize;
  const others = load<u32>(at, MULTIPLIERS2) as usize;
  const biases = load<u32>(at, BIASES) as usize;
  const shifts = load<u32>(at, SHIFTS) as usize;
  const thresholds = load<u32>(at, THRESHOLDS) as usize;
  const levels = load<i32>(at, LEVELS);
  const values = load<u32>(at, VALUES) as usize;
  let addend = load<u32>(at, ADDEND) as usize;
  if (addend) addend += (row as usize) * (load<u32>(at, ADDEND_ROW) as usize);
  let sums = load<u32>(at, SUMS1) as usize;
  let second = load<u32>(at, SUMS2) as usize;
  let out = (load<u32>(at, OUT) as usize) + (row as usize) * (load<u32>(at, OUT_ROW) as usize);
  for (let x = 0; x < pixels; x++, sums += width, second += width, addend += addendPixel) {
    for (let o = 0; o < outputs; o++, out += bytes) {
      const word = (o as usize) << 2;
      const long = (o as usize) << 3;
      let t = (load<i32>(sums + word) as i64) * load<i64>(multipliers + long) + load<i64>(biases + long);
      if (others) t += (load<i32>(second + word) as i64) * load<i64>(others + long);
      const shift = load<i32>(shifts + word) as i64;
      const added = addendBytes && o < addendChannels ? (oneOf(addend, o, addendBytes) as i64) << addendShift : 0;
      if (thresholds) {
        t += added << shift;
        let reached = 0;
        let above = levels;
        while (reached < above) {
          const middle = (reached + above) >> 1;
          if (t >= load<i64>(thresholds + ((middle as usize) << 3))) reached = middle + 1;
          else above = middle;
        }
        storeOne(out, bytes, load<i32>(values + ((reached as usize) << 2)));
      } else {
        storeOne(out, bytes, clamp(((t >> shift) + added) >> outputShift, load<i32>(at, LO), load<i32>(at, HI)));
      }
    }
  }
}

/** The maximum of each window, of bytes, 16-bit or 32-bit elements; windows are clipped at the edges of the image. */
export function maxPool(
  input: usize,
  inputRow: usize,
  height: i32,
  widthOf: i32,
  channels: i32,
  bytes: usize,
  rows: i32,
  strideDown: i32,
  top: i32,
  dilationDown: i32,
  columns: i32,
  strideAcross: i32,
  left: i32,
  dilationAcross: i32,
  out: usize,
  outRow: usize,
  outHeight: i32,
  outWidth: i32,
  outBytes: usize,
): void {
  for (let oy = 0; oy < outHeight; oy++) {
    for (let ox = 0; ox < outWidth; ox++) {
      for (let c = 0; c < channels; c++) {
        let largest: i32 = i32.MIN_VALUE;
        for (let r = 0; r < rows; r++) {
          const iy = oy * strideDown - top + r * dilationDown;
          if (iy < 0 || iy >= height) continue;
          for (let k = 0; k < columns; k++) {
            const ix = ox * strideAcross - left + k * dilationAcross;
            if (ix < 0 || ix >= widthOf) continue;
            const value = oneOf(input + (iy as usize) * inputRow, ix * channels + c, bytes);
            largest = max(largest, value);
          }
        }
        storeOne(out + (oy as usize) * outRow + ((ox * channels + c) as usize) * outBytes, outBytes, largest);
      }
    }
  }
}

/** Copies a channel of an image to one of another image, shifted by some bits. */
export function moveChannel(
  from: usize,
  fromRow: usize,
  fromPixel: usize,
  fromBytes: usize,
  to: usize,
  toRow: usize,
  toPixel: usize,
  toBytes: usize,
  height: i32,
  widthOf: i32,
  shift: i32,
): void {
  for (let y = 0; y < height; y++, from += fromRow, to += toRow) {
    let p = from;
    let q = to;
    for (let x = 0; x < widthOf; x++, p += fromPixel, q += toPixel) storeOne(q, toBytes, oneOf(p, 0, fromBytes) << shift);
  }
}

/** Products that tell whether relaxed dots may be used: four sums of w·x of four bytes, twice. */
export function dotTest(w: usize, x: usize, to: usize): void {
  if (!ASC_FEATURE_RELAXED_SIMD) return;
  v128.store(to, dotBytes(v128.load(w), v128.load(x), i32x4.splat(0)));
  v128.store(to, i32x4.extadd_pairwise_i16x8_s(dotPairs(v128.load(w), v128.load(x))), 16);
}

// @ts-ignore: decorator
@inline
function fourOf(row: usize, index: i32, bytes: usize, channels: i32): v128 {
  if (index + 4 > channels) {
    // The last channels of a narrow addend; further ones are zero.
    let four = i32x4.splat(0);
    four = i32x4.replace_lane(four, 0, oneOf(row, index, bytes));
    if (index + 1 < channels) four = i32x4.replace_lane(four, 1, oneOf(row, index + 1, bytes));
    if (index + 2 < channels) four = i32x4.replace_lane(four, 2, oneOf(row, index + 2, bytes));
    return four;
  }
  if (bytes == 2) return v128.load16x4_s(row + ((index as usize) << 1));
  if (bytes == 1) return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(row + (index as usize))));
  return v128.load(row + ((index as usize) << 2));
}

// @ts-ignore: decorator
@inline
function oneOf(row: usize, index: i32, bytes: usize): i32 {
  if (bytes == 2) return load<i16>(row + ((index as usize) << 1));
  if (bytes == 1) return load<u8>(row + (index as usize));
  return load<i32>(row + ((index as usize) << 2));
}

// @ts-ignore: decorator
@inline
function storeOne(to: usize, bytes: usize, value: i32): void {
  if (bytes == 2) store<i16>(to, value as i16);
  else if (bytes == 1) store<u8>(to, value as u8);
  else store<i32>(to, value);
}

// @ts-ignore: decorator
@inline
function clamp(t: i64, lo: i32, hi: i32): i32 {
  return t < (lo as i64) ? lo : t > (hi as i64) ? hi : (t as i32);
}
