/**
 * Copies a window of an NHWC image into worker scratch, zeros where the window leaves the image, so that the tiles of a
 * convolution need no tests at borders.
 */

/** Copies bytes that are whole floats, often a few for each pixel. */
@inline
export function copyBytes(target: usize, source: usize, bytes: i32): void {
  let done = 0;
  for (; done + 32 <= bytes; done += 32) {
    const first = v128.load(source + done);
    const second = v128.load(source + done, 16);
    v128.store(target + done, first);
    v128.store(target + done, second, 16);
  }
  if (bytes & 16) {
    v128.store(target + done, v128.load(source + done));
    done += 16;
  }
  if (bytes & 8) {
    store<u64>(target + done, load<u64>(source + done));
    done += 8;
  }
  if (bytes & 4) store<u32>(target + done, load<u32>(source + done));
}

export function zeroBytes(target: usize, bytes: i32): void {
  const zero = f32x4.splat(0);
  let done = 0;
  for (; done + 16 <= bytes; done += 16) v128.store(target + done, zero);
  for (; done < bytes; done += 4) store<f32>(target + done, 0);
}

/**
 * target [rows, columns, taken] = source rows from `top`, columns from `left`, channels from `channel` of an image
 * [height, width, channels]. So do as many channels behind them to each of the other `parts`, whose targets are
 * `distance` bytes apart: channels of a pixel share cache lines.
 */
export function padImage(
  target: usize,
  image: usize,
  height: i32,
  width: i32,
  channels: i32,
  top: i32,
  left: i32,
  rows: i32,
  columns: i32,
  channel: i32,
  taken: i32,
  parts: i32,
  distance: usize,
): void {
  const pixelBytes = taken << 2;
  const rowBytes = columns * pixelBytes;
  const before = min(max(-left, 0), columns);
  const inside = max(min(width - left, columns) - before, 0);
  const pixelStep = channels << 2;
  for (let row = 0; row < rows; row++, target += rowBytes) {
    const y = top + row;
    const isInside = y >= 0 && y < height && inside > 0;
    let from = image + <usize>((((y * width + left + before) * channels) + channel) << 2);
    let to = target;
    for (let part = 0; part < parts; part++, from += pixelBytes, to += distance) {
      if (!isInside) {
        zeroBytes(to, rowBytes);
        continue;
      }
      zeroBytes(to, before * pixelBytes);
      copyPixels(to + before * pixelBytes, from, inside, pixelBytes, pixelStep);
      const end = (before + inside) * pixelBytes;
      zeroBytes(to + end, rowBytes - end);
    }
  }
}

/** Copies `pixelBytes` of each pixel, with loops of their own for four and eight channels, which groups often have. */
function copyPixels(target: usize, source: usize, pixels: i32, pixelBytes: i32, pixelStep: i32): void {
  if (pixelBytes == pixelStep) {
    copyBytes(target, source, pixels * pixelBytes);
    return;
  }
  if (pixelBytes == 32) {
    for (; pixels > 0; pixels--, target += 32, source += pixelStep) {
      const a = v128.load(source);
      const b = v128.load(source, 16);
      v128.store(target, a);
      v128.store(target, b, 16);
    }
    return;
  }
  if (pixelBytes == 16) {
    for (; pixels > 0; pixels--, target += 16, source += pixelStep) v128.store(target, v128.load(source));
    return;
  }
  for (; pixels > 0; pixels--, target += pixelBytes, source += pixelStep) copyBytes(target, source, pixelBytes);
}
