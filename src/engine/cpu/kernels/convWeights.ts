/**
 * Packs convolution weights into panels of 8 result channels: [channels / 8][rows][columns][depth][8], zeros past the
 * last channel, so that a tile reads them in order. Strides (in elements, possibly negative) choose what is packed: the
 * weights as they are for the forward pass; rotated, transposed and thinned to one parity for the input gradient.
 */

import { entry, tablesBehind } from './argumentTables';
import { ConvolutionClass } from './convDirect';

/** Arguments, followed by one `ConvolutionClass` after another. Chunk = (class · groups + group) · panels + panel. */
@unmanaged
class PackingArguments {
  weights: usize;
  channels: i32;
  channelStride: i32;
  depth: i32;
  depthStride: i32;
  panels: i32;
  groups: i32;
  /** From a group's weights to the next one's. */
  groupStride: i32;
}

export function packConvolutionWeights(args: PackingArguments, chunk: i32, worker: i32): void {
  const channels = args.channels;
  const channelStride = args.channelStride;
  const depth = args.depth;
  const depthStride = args.depthStride;
  const panel = chunk % args.panels;
  const group = chunk / args.panels % args.groups;
  const part = entry<ConvolutionClass>(tablesBehind(args), chunk / args.panels / args.groups);
  const rows = part.tapRows;
  const columns = part.tapColumns;
  const width = min(8, channels - panel * 8);
  const first = part.firstTap + group * args.groupStride + panel * 8 * channelStride;
  let target = part.weights + <usize>(group * args.panels + panel) * rows * columns * depth * 32;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const start = first + row * part.rowStride + column * part.columnStride;
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
