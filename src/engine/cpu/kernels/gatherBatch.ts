/** Gathers the images of a batch, shifted and mirrored by their augmentation words (`data/augmentation.ts`). */

import { entry, tablesBehind } from './argumentTables';

/** Arguments, followed by a `ChannelScale` for each channel. */
@unmanaged
class GatherArguments {
  images: usize;
  labels: usize;
  /** (image, augmentation word) of each place of each batch. */
  table: usize;
  position: usize;
  x: usize;
  y: usize;
  batch: i32;
  height: i32;
  width: i32;
  channels: i32;
}

@unmanaged
class ChannelScale {
  scale: f32;
  offset: f32;
}

/** Images of bytes; a chunk is one image. */
export function gatherBatch(args: GatherArguments, chunk: i32, worker: i32): void {
  gather<u8>(args, chunk);
}

/** Images of floats; a chunk is one image. */
export function gatherFloatBatch(args: GatherArguments, chunk: i32, worker: i32): void {
  gather<f32>(args, chunk);
}

function gather<T>(args: GatherArguments, chunk: i32): void {
  const height = args.height;
  const width = args.width;
  const channels = args.channels;
  const place = args.table + ((<usize>load<i32>(args.position) * args.batch + chunk) << 3);
  const image = load<i32>(place);
  const word = load<i32>(place, 4);
  const values = <usize>height * width * channels;
  const x = args.x + <usize>chunk * values * 4;
  const label = args.y + (<usize>chunk << 2);
  if (image < 0) {
    store<i32>(label, -1);
    memory.fill(x, 0, values * 4);
    return;
  }
  store<i32>(label, load<i32>(args.labels + (<usize>image << 2)));

  const dy = (word >> 16) - 128;
  const dx = ((word >> 8) & 255) - 128;
  const mirror = (word & 1) != 0;
  const pixels = args.images + <usize>image * values * sizeof<T>();
  const scales = tablesBehind(args);
  let out = x;
  for (let h = 0; h < height; h++) {
    const inside = h + dy >= 0 && h + dy < height;
    for (let w = 0; w < width; w++) {
      const column = w + dx;
      if (inside && column >= 0 && column < width) {
        const source = ((h + dy) * width + (mirror ? width - 1 - column : column)) * channels;
        let pixel = pixels + <usize>source * sizeof<T>();
        for (let c = 0; c < channels; c++, pixel += sizeof<T>(), out += 4) {
          const map = entry<ChannelScale>(scales, c);
          store<f32>(out, <f32>load<T>(pixel) * map.scale + map.offset);
        }
      } else {
        for (let c = 0; c < channels; c++, out += 4) store<f32>(out, 0);
      }
    }
  }
}

@unmanaged
class GatherTargetsArguments {
  targets: usize;
  /** (image, augmentation word) of each place of each batch. */
  table: usize;
  position: usize;
  y: usize;
  batch: i32;
  /** Targets of an input. */
  length: i32;
}

/** Classes; a chunk is one input. */
export function gatherTargets(args: GatherTargetsArguments, chunk: i32, worker: i32): void {
  targetsOf<i32>(args, chunk);
}

/** Numbers; a chunk is one input. */
export function gatherFloatTargets(args: GatherTargetsArguments, chunk: i32, worker: i32): void {
  targetsOf<f32>(args, chunk);
}

function targetsOf<T>(args: GatherTargetsArguments, chunk: i32): void {
  const row = <usize>args.length << 2;
  const y = args.y + <usize>chunk * row;
  const image = load<i32>(args.table + ((<usize>load<i32>(args.position) * args.batch + chunk) << 3));
  if (image >= 0) {
    memory.copy(y, args.targets + <usize>image * row, row);
    return;
  }
  for (let i: usize = 0; i < row; i += 4) store<T>(y + i, -1);
}
