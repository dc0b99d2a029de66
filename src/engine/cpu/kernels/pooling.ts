/** Pooling and subsampling of NHWC tensors. A chunk is one image. */
import { loadPart, storePart } from './vector';

/** Arguments: x, y, pixels an image, channels. */
export function globalAveragePool(args: usize, chunk: i32, worker: i32): void {
  const pixels = load<i32>(args, 8);
  const channels = load<i32>(args, 12);
  const row = <usize>channels << 2;
  const x = load<usize>(args) + <usize>chunk * pixels * row;
  const y = load<usize>(args, 4) + <usize>chunk * row;
  const share = f32x4.splat(1 / <f32>pixels);
  for (let c = 0; c < channels; c += 4) {
    const lanes = channels - c;
    let at = x + (<usize>c << 2);
    let sum = f32x4.splat(0);
    for (let pixel = 0; pixel < pixels; pixel++, at += row) sum = f32x4.add(sum, loadPart(at, lanes));
    storePart(y + (<usize>c << 2), f32x4.mul(sum, share), lanes);
  }
}

/** Arguments: dy, dx, pixels an image, channels. */
export function globalAveragePoolGradient(args: usize, chunk: i32, worker: i32): void {
  const pixels = load<i32>(args, 8);
  const channels = load<i32>(args, 12);
  const row = <usize>channels << 2;
  const dy = load<usize>(args) + <usize>chunk * row;
  const dx = load<usize>(args, 4) + <usize>chunk * pixels * row;
  const share = f32x4.splat(1 / <f32>pixels);
  for (let c = 0; c < channels; c += 4) {
    const lanes = channels - c;
    const g = f32x4.mul(loadPart(dy + (<usize>c << 2), lanes), share);
    let at = dx + (<usize>c << 2);
    for (let pixel = 0; pixel < pixels; pixel++, at += row) storePart(at, g, lanes);
  }
}

/** Arguments: x, y, argmax (0 for none), height, width, channels, y's height, y's width, size, stride, padding. */
export function maxPool(args: usize, chunk: i32, worker: i32): void {
  const height = load<i32>(args, 12);
  const width = load<i32>(args, 16);
  const channels = load<i32>(args, 20);
  const outHeight = load<i32>(args, 24);
  const outWidth = load<i32>(args, 28);
  const size = load<i32>(args, 32);
  const stride = load<i32>(args, 36);
  const padding = load<i32>(args, 40);
  const row = <usize>channels << 2;
  const outRows = <usize>outHeight * outWidth;
  const x = load<usize>(args) + <usize>chunk * height * width * row;
  let y = load<usize>(args, 4) + <usize>chunk * outRows * row;
  const hasArgmax = load<usize>(args, 8) != 0;
  let argmax = load<usize>(args, 8) + <usize>chunk * outRows * channels;
  for (let oy = 0; oy < outHeight; oy++) {
    const up = oy * stride - padding;
    const bottom = min(height, up + size);
    for (let ox = 0; ox < outWidth; ox++, y += row, argmax += channels) {
      const left = ox * stride - padding;
      const right = min(width, left + size);
      for (let c = 0; c < channels; c += 4) {
        const lanes = channels - c;
        const at = x + (<usize>c << 2);
        const firstRow = max(0, up);
        const firstColumn = max(0, left);
        let best = loadPart(at + <usize>(firstRow * width + firstColumn) * row, lanes);
        let places = i32x4.splat((firstRow - up) * size + firstColumn - left);
        for (let h = firstRow; h < bottom; h++) {
          for (let w = firstColumn; w < right; w++) {
            const value = loadPart(at + <usize>(h * width + w) * row, lanes);
            const isLarger = f32x4.gt(value, best);
            best = v128.bitselect(value, best, isLarger);
            places = v128.bitselect(i32x4.splat((h - up) * size + w - left), places, isLarger);
          }
        }
        storePart(y + (<usize>c << 2), best, lanes);
        if (hasArgmax) storeBytes(argmax + c, places, lanes);
      }
    }
  }
}

/** Arguments: argmax, dy, dx, height, width, channels, dy's height, dy's width, size, stride, padding. */
export function maxPoolGradient(args: usize, chunk: i32, worker: i32): void {
  const height = load<i32>(args, 12);
  const width = load<i32>(args, 16);
  const channels = load<i32>(args, 20);
  const outHeight = load<i32>(args, 24);
  const outWidth = load<i32>(args, 28);
  const size = load<i32>(args, 32);
  const stride = load<i32>(args, 36);
  const padding = load<i32>(args, 40);
  const row = <usize>channels << 2;
  const imageBytes = <usize>height * width * row;
  const outRows = <usize>outHeight * outWidth;
  let argmax = load<usize>(args) + <usize>chunk * outRows * channels;
  let dy = load<usize>(args, 4) + <usize>chunk * outRows * row;
  const dx = load<usize>(args, 8) + <usize>chunk * imageBytes;
  memory.fill(dx, 0, imageBytes);
  for (let oy = 0; oy < outHeight; oy++) {
    const up = oy * stride - padding;
    const bottom = min(height, up + size);
    for (let ox = 0; ox < outWidth; ox++, dy += row, argmax += channels) {
      const left = ox * stride - padding;
      const right = min(width, left + size);
      for (let c = 0; c < channels; c += 4) {
        const lanes = channels - c;
        const at = dx + (<usize>c << 2);
        const g = loadPart(dy + (<usize>c << 2), lanes);
        const places = loadBytes(argmax + c, lanes);
        for (let h = max(0, up); h < bottom; h++) {
          for (let w = max(0, left); w < right; w++) {
            const isMaximum = i32x4.eq(places, i32x4.splat((h - up) * size + w - left));
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

/** Arguments: x, y, height, width, channels, y's height, y's width, y's channels, stride. */
export function subsample(args: usize, chunk: i32, worker: i32): void {
  const height = load<i32>(args, 8);
  const width = load<i32>(args, 12);
  const row = <usize>load<i32>(args, 16) << 2;
  const outHeight = load<i32>(args, 20);
  const outWidth = load<i32>(args, 24);
  const outRow = <usize>load<i32>(args, 28) << 2;
  const stride = load<i32>(args, 32);
  const x = load<usize>(args) + <usize>chunk * height * width * row;
  let y = load<usize>(args, 4) + <usize>chunk * outHeight * outWidth * outRow;
  for (let h = 0; h < outHeight; h++) {
    for (let w = 0; w < outWidth; w++, y += outRow) {
      memory.copy(y, x + <usize>(h * stride * width + w * stride) * row, row);
      memory.fill(y + row, 0, outRow - row);
    }
  }
}

/** Arguments: dy, dx, height, width, channels (of dx), dy's height, dy's width, dy's channels, stride. */
export function subsampleGradient(args: usize, chunk: i32, worker: i32): void {
  const height = load<i32>(args, 8);
  const width = load<i32>(args, 12);
  const row = <usize>load<i32>(args, 16) << 2;
  const outHeight = load<i32>(args, 20);
  const outWidth = load<i32>(args, 24);
  const outRow = <usize>load<i32>(args, 28) << 2;
  const stride = load<i32>(args, 32);
  let dy = load<usize>(args) + <usize>chunk * outHeight * outWidth * outRow;
  const dx = load<usize>(args, 4) + <usize>chunk * height * width * row;
  memory.fill(dx, 0, <usize>height * width * row);
  for (let h = 0; h < outHeight; h++) {
    for (let w = 0; w < outWidth; w++, dy += outRow) {
      memory.copy(dx + <usize>(h * stride * width + w * stride) * row, dy, row);
    }
  }
}
