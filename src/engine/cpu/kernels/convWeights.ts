/**
 * Packs convolution weights into panels of 8 result channels: [channels / 8][rows][columns][depth][8], zeros past the
 * last channel, so that a tile reads them in order. Strides (in elements, possibly negative) choose what is packed: the
 * weights as they are for the forward pass; rotated, transposed and thinned to one parity for the input gradient.
 */

import { entry, tablesBehind } from './argumentTables';

/** Arguments, followed by one `PackedClass` after another. Chunk = class · panels + panel. */
@unmanaged
class PackingArguments {
  weights: usize;
  channels: i32;
  channelStride: i32;
  depth: i32;
  depthStride: i32;
  panels: i32;
}

@unmanaged
class PackedClass {
  target: usize;
  /** Element. */
  first: i32;
  rows: i32;
  rowStride: i32;
  columns: i32;
  columnStride: i32;
}

export function packConvolutionWeights(args: PackingArguments, chunk: i32, worker: i32): void {
  const channels = args.channels;
  const channelStride = args.channelStride;
  const depth = args.depth;
  const depthStride = args.depthStride;
  const panel = chunk % args.panels;
  const part = entry<PackedClass>(tablesBehind(args), chunk / args.panels);
  const rows = part.rows;
  const columns = part.columns;
  const width = min(8, channels - panel * 8);
  let target = part.target + <usize>panel * rows * columns * depth * 32;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const start = part.first + row * part.rowStride + column * part.columnStride + panel * 8 * channelStride;
      for (let i = 0; i < depth; i++, target += 32) {
        let source = args.weights + <usize>((start + i * depthStride) << 2);
        if (width == 8 && channelStride == 1) {
          v128.store(target, v128.load(source));
          v128.store(target, v128.load(source, 16), 16);
          continue;
        }
        for (let lane = 0; lane < 8; lane++, source += channelStride << 2) {
          store<f32>(target + (lane << 2), lane < width ? load<f32>(source) : 0);
        }
      }
    }
  }
}
