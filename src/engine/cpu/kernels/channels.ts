/**
 * Operations on the channels of pixels: slice, concatenation, shuffle, bias, product. A chunk is some rows, or an
 * image.
 */
import { ChannelRowArguments } from './channelRows';
import { copyBytes, zeroBytes } from './convPad';
import { loadPart, storePart } from './vector';

/** Rows that are parts of longer rows. */
@unmanaged
class CopyChannelsArguments extends ChannelRowArguments {
  /** The first channel of the first row. */
  source: usize;
  sourceChannels: i32;
  target: usize;
  targetChannels: i32;
  channels: i32;
}

export function copyChannels(args: CopyChannelsArguments, chunk: i32, worker: i32): void {
  const sourceRow = <usize>args.sourceChannels << 2;
  const targetRow = <usize>args.targetChannels << 2;
  const bytes = args.channels << 2;
  let source = args.source + <usize>args.firstRow(chunk) * sourceRow;
  let target = args.target + <usize>args.firstRow(chunk) * targetRow;
  for (let row = args.rowsOf(chunk); row > 0; row--, source += sourceRow, target += targetRow) {
    copyBytes(target, source, bytes);
  }
}

@unmanaged
class SliceGradientArguments extends ChannelRowArguments {
  dy: usize;
  first: i32;
  channels: i32;
  /** Or 0. */
  addend: usize;
  dx: usize;
  allChannels: i32;
}

export function sliceGradient(args: SliceGradientArguments, chunk: i32, worker: i32): void {
  const channels = args.channels;
  const allRow = <usize>args.allChannels << 2;
  const before = args.first << 2;
  const behind = (args.allChannels - args.first - channels) << 2;
  const hasAddend = args.addend != 0;
  const isInPlace = args.addend == args.dx;
  let dy = args.dy + <usize>args.firstRow(chunk) * (<usize>channels << 2);
  let addend = args.addend + <usize>args.firstRow(chunk) * allRow;
  let dx = args.dx + <usize>args.firstRow(chunk) * allRow;
  for (let row = args.rowsOf(chunk); row > 0; row--, addend += allRow, dx += allRow) {
    if (!hasAddend) {
      zeroBytes(dx, before);
      zeroBytes(dx + before + (channels << 2), behind);
    } else if (!isInPlace) copyBytes(dx, addend, args.allChannels << 2);
    let target = dx + before;
    for (let c = channels; c > 0; c -= 4, dy += 16, target += 16) {
      const g = loadPart(dy, c);
      storePart(target, hasAddend ? f32x4.add(loadPart(target, c), g) : g, c);
    }
    dy -= <usize>((-channels & 3) << 2);
  }
}

@unmanaged
class ShuffleArguments extends ChannelRowArguments {
  x: usize;
  y: usize;
  channels: i32;
  groups: i32;
}

export function shuffleChannels(args: ShuffleArguments, chunk: i32, worker: i32): void {
  const groups = args.groups;
  const size = args.channels / groups;
  const next = <usize>size << 2;
  const row = <usize>args.channels << 2;
  let x = args.x + <usize>args.firstRow(chunk) * row;
  let y = args.y + <usize>args.firstRow(chunk) * row;
  for (let rows = args.rowsOf(chunk); rows > 0; rows--, x += row) {
    for (let i = 0; i < size; i++) {
      let from = x + (<usize>i << 2);
      for (let group = 0; group < groups; group++, from += next, y += 4) store<f32>(y, load<f32>(from));
    }
  }
}

@unmanaged
class BiasArguments extends ChannelRowArguments {
  x: usize;
  b: usize;
  y: usize;
  channels: i32;
}

export function bias(args: BiasArguments, chunk: i32, worker: i32): void {
  const channels = args.channels;
  const start = <usize>args.firstRow(chunk) * (<usize>channels << 2);
  let x = args.x + start;
  let y = args.y + start;
  for (let row = args.rowsOf(chunk); row > 0; row--) {
    let b = args.b;
    for (let c = channels; c > 0; c -= 4, b += 16) {
      const lanes = min(c, 4);
      storePart(y, f32x4.add(loadPart(x, lanes), loadPart(b, lanes)), lanes);
      x += <usize>lanes << 2;
      y += <usize>lanes << 2;
    }
  }
}

@unmanaged
class BiasGradientArguments extends ChannelRowArguments {
  dy: usize;
  channels: i32;
  /** [chunks, channels] */
  sums: usize;
}

export function biasGradient(args: BiasGradientArguments, chunk: i32, worker: i32): void {
  const channels = args.channels;
  const row = <usize>channels << 2;
  const dy = args.dy + <usize>args.firstRow(chunk) * row;
  const rows = args.rowsOf(chunk);
  for (let c = 0; c < channels; c += 4) {
    const lanes = channels - c;
    const column = <usize>c << 2;
    let at = dy + column;
    let sum = f32x4.splat(0);
    for (let i = 0; i < rows; i++, at += row) sum = f32x4.add(sum, loadPart(at, lanes));
    storePart(args.sums + <usize>chunk * row + column, sum, lanes);
  }
}

/** Operands of a batch; a chunk is one image. */
@unmanaged
class MultiplyArguments {
  x: usize;
  factor: usize;
  y: usize;
  pixels: i32;
  channels: i32;
}

export function multiplyChannels(args: MultiplyArguments, chunk: i32, worker: i32): void {
  const pixels = args.pixels;
  const channels = args.channels;
  const row = <usize>channels << 2;
  const start = <usize>chunk * pixels * row;
  const factors = args.factor + <usize>chunk * row;
  let x = args.x + start;
  let y = args.y + start;
  for (let pixel = 0; pixel < pixels; pixel++) {
    let factor = factors;
    for (let c = channels; c > 0; c -= 4, factor += 16) {
      const lanes = min(c, 4);
      storePart(y, f32x4.mul(loadPart(x, lanes), loadPart(factor, lanes)), lanes);
      x += <usize>lanes << 2;
      y += <usize>lanes << 2;
    }
  }
}

@unmanaged
class MultiplyGradientArguments {
  x: usize;
  factor: usize;
  dy: usize;
  dx: usize;
  dfactor: usize;
  pixels: i32;
  channels: i32;
}

export function multiplyChannelsGradient(args: MultiplyGradientArguments, chunk: i32, worker: i32): void {
  const pixels = args.pixels;
  const channels = args.channels;
  const row = <usize>channels << 2;
  const start = <usize>chunk * pixels * row;
  for (let c = 0; c < channels; c += 4) {
    const lanes = channels - c;
    const column = <usize>c << 2;
    const factor = loadPart(args.factor + <usize>chunk * row + column, lanes);
    let x = args.x + start + column;
    let dy = args.dy + start + column;
    let dx = args.dx + start + column;
    let sum = f32x4.splat(0);
    for (let pixel = 0; pixel < pixels; pixel++, x += row, dy += row, dx += row) {
      const g = loadPart(dy, lanes);
      sum = f32x4.add(sum, f32x4.mul(g, loadPart(x, lanes)));
      storePart(dx, f32x4.mul(g, factor), lanes);
    }
    storePart(args.dfactor + <usize>chunk * row + column, sum, lanes);
  }
}
