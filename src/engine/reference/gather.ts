/** Picks the images of a batch by the batch table, shifted and mirrored, and turns bytes into numbers. */

import { unpackAugmentation } from '../../data/augmentation.js';
import { dimension, nhwc } from '../../graph/tensor.js';
import { operand, result } from '../operands.js';
import type { Kernel } from './kernel.js';

/** An entry with image −1 fills up an incomplete batch: zeros, with label −1. */
export const gatherBatch: Kernel<'gatherBatch'> = (node, memory) => {
  const images = memory.bytes(operand(node, 0));
  const labels = memory.integers(operand(node, 1));
  const table = memory.integers(operand(node, 2));
  const step = memory.integers(operand(node, 3))[0]!;
  const x = memory.floats(result(node, 0)).fill(0);
  const y = memory.integers(result(node, 1));
  const { scale, offset } = node.attributes;
  const batch = dimension(operand(node, 2), 1);
  const [, height, width, channels] = nhwc(operand(node, 0));
  for (let n = 0; n < batch; n++) {
    const entry = 2 * (step * batch + n);
    const image = table[entry]!;
    y[n] = image < 0 ? -1 : labels[image]!;
    if (image < 0) continue;
    const { dy, dx, mirror } = unpackAugmentation(table[entry + 1]!);
    for (let h = 0; h < height; h++) {
      for (let w = 0; w < width; w++) {
        const row = h + dy;
        const shifted = w + dx;
        if (row < 0 || row >= height || shifted < 0 || shifted >= width) continue;
        const column = mirror ? width - 1 - shifted : shifted;
        const from = ((image * height + row) * width + column) * channels;
        const to = ((n * height + h) * width + w) * channels;
        for (let c = 0; c < channels; c++) x[to + c] = images[from + c]! * scale[c]! + offset[c]!;
      }
    }
  }
};
