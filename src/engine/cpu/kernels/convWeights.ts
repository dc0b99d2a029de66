/**
 * Packs convolution weights into panels of 8 result channels: [channels / 8][rows][columns][depth][8], zeros past the
 * last channel, so that a tile reads them in order. Strides (in elements, possibly negative) choose what is packed: the
 * weights as they are for the forward pass; rotated, transposed and thinned to one parity for the input gradient.
 */

import { word } from './convPad';

/**
 * Arguments: weights, channels, stride of a channel, depth, stride of the depth, panels; then for each class of 6 words:
 * target, first element, rows, stride of a row, columns, stride of a column. Chunk = class · panels + panel.
 */
export function packConvolutionWeights(args: usize, chunk: i32, worker: i32): void {
  const weights = <usize>word(args, 0);
  const channels = word(args, 1);
  const channelStride = word(args, 2);
  const depth = word(args, 3);
  const depthStride = word(args, 4);
  const panels = word(args, 5);
  const panel = chunk % panels;
  const block = args + 24 + <usize>(chunk / panels) * 24;
  const first = word(block, 1);
  const rows = word(block, 2);
  const rowStride = word(block, 3);
  const columns = word(block, 4);
  const columnStride = word(block, 5);
  const width = min(8, channels - panel * 8);
  let target = <usize>word(block, 0) + <usize>panel * rows * columns * depth * 32;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const start = first + row * rowStride + column * columnStride + panel * 8 * channelStride;
      for (let i = 0; i < depth; i++, target += 32) {
        let source = weights + <usize>((start + i * depthStride) << 2);
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
