/**
 * ResNet-8 for CIFAR-10 as in MLPerf Tiny: github.com/mlcommons/tiny, benchmark/training/image_classification.
 * Shortcuts to more channels are convolutions with a bias and without batch normalisation. The biases before batch
 * normalisations, which have no effect, are left out.
 */

import type { Define } from '../layers.js';

export function resnet8({ classes }: { readonly classes: number }): Define {
  return (n, x) => {
    let h = n.conv(x, 16, { name: 'conv' });
    for (const [stack, channels] of [16, 32, 64].entries()) {
      const stride = stack === 0 ? 1 : 2;
      const last = h;
      h = n.scope(`stack${stack + 1}`, () => {
        const hidden = n.conv(last, channels, { name: 'conv1', stride, padding: 'same' });
        const main = n.conv(hidden, channels, { name: 'conv2', activation: 'none' });
        const projection = { name: 'shortcut', size: 1, stride, batchNorm: false, activation: 'none' } as const;
        return n.add(main, stack === 0 ? last : n.conv(last, channels, projection));
      });
    }
    return n.linear(n.globalAverage(h), classes, { name: 'fc' });
  };
}
