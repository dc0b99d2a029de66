/**
 * MobileNetV1 (Howard et al. 2017, table 1) for any number of classes, image size and width. With a quarter of the
 * channels and images of 96×96 it is MLPerf Tiny's network for visual wake words: github.com/mlcommons/tiny,
 * benchmark/training/visual_wake_words; there convolutions have biases before batch normalisations, which have no
 * effect.
 */

import type { Define } from '../layers.js';
import { byEight } from './width.js';

export interface MobilenetV1Options {
  readonly classes: number;
  /** Factor for the numbers of channels. */
  readonly widthMultiplier: number;
}

/** Channels and stride of each separable convolution. */
const BLOCKS = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  ...Array.from({ length: 5 }, () => [512, 1] as const),
  [1024, 2],
  [1024, 1],
] as const;

export function mobilenetV1({ classes, widthMultiplier }: MobilenetV1Options): Define {
  const wide = (channels: number) => byEight(channels * widthMultiplier);
  return (n, x) => {
    let h = n.conv(x, wide(32), { name: 'conv', stride: 2, padding: 'same' });
    for (const [block, [channels, stride]] of BLOCKS.entries()) {
      h = n.scope(`block${block + 1}`, () => {
        const filtered = n.depthwise(h, { name: 'dw', stride, padding: 'same' });
        return n.conv(filtered, wide(channels), { name: 'pw', size: 1 });
      });
    }
    return n.linear(n.globalAverage(h), classes, { name: 'fc' });
  };
}
