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

/** Arguments: x, y, height, width, channels, y's height, y's width, size, stride, padding. */
export function maxPool(args: usize, chunk: i32, worker: i32): void {
  const height = load<i32>(args, 8);
  const width = load<i32>(args, 12);
  const channels = load<i32>(args, 16);
  const outHeight = load<i32>(args, 20);
  const outWidth = load<i32>(args, 24);
  const size = load<i32>(args, 28);
  const stride = load<i32>(args, 32);
  const padding = load<i32>(args, 36);
  const row = <usize>channels << 2;
  const x = load<usize>(args) + <usize>chunk * height * width * row;
  let y = load<usize>(args, 4) + <usize>chunk * outHeight * outWidth * row;
  for (let oy = 0; oy < outHeight; oy++) {
    const top = max(0, oy * stride - padding);
    const bottom = min(height, oy * stride - padding + size);
    for (let ox = 0; ox < outWidth; ox++, y += row) {
      const left = max(0, ox * stride - padding);
      const right = min(width, ox * stride - padding + size);
      for (let c = 0; c < channels; c += 4) {
        const lanes = channels - c;
        const best = windowMaximum(x + (<usize>c << 2), top, bottom, left, right, width, row, lanes);
        storePart(y + (<usize>c << 2), best, lanes);
      }
    }
  }
}

/** Arguments: x, dy, dx, height, width, channels, dy's height, dy's width, size, stride, padding. */
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
  const x = load<usize>(args) + <usize>chunk * imageBytes;
  const dx = load<usize>(args, 8) + <usize>chunk * imageBytes;
  let dy = load<usize>(args, 4) + <usize>chunk * outHeight * outWidth * row;
  memory.fill(dx, 0, imageBytes);
  for (let oy = 0; oy < outHeight; oy++) {
    const top = max(0, oy * stride - padding);
    const bottom = min(height, oy * stride - padding + size);
    for (let ox = 0; ox < outWidth; ox++, dy += row) {
      const left = max(0, ox * stride - padding);
      const right = min(width, ox * stride - padding + size);
      for (let c = 0; c < channels; c += 4) {
        const lanes = channels - c;
        const at = <usize>c << 2;
        const best = windowMaximum(x + at, top, bottom, left, right, width, row, lanes);
        let g = loadPart(dy + at, lanes);
        for (let h = top; h < bottom; h++) {
          for (let w = left; w < right; w++) {
            const offset = <usize>(h * width + w) * row + at;
            const isMaximum = f32x4.eq(loadPart(x + offset, lanes), best);
            const share = v128.and(g, isMaximum);
            g = v128.andnot(g, isMaximum);
            storePart(dx + offset, f32x4.add(loadPart(dx + offset, lanes), share), lanes);
          }
        }
      }
    }
  }
}

@inline
function windowMaximum(
  x: usize,
  top: i32,
  bottom: i32,
  left: i32,
  right: i32,
  width: i32,
  row: usize,
  lanes: i32,
): v128 {
  let best = f32x4.splat(-Infinity);
  for (let h = top; h < bottom; h++) {
    for (let w = left; w < right; w++) {
      best = f32x4.pmax(best, loadPart(x + <usize>(h * width + w) * row, lanes));
    }
  }
  return best;
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
