/**
 * MLPerf Tiny's autoencoder for anomaly detection in sound: github.com/mlcommons/tiny,
 * benchmark/training/anomaly_detection. The biases before batch normalisations, which have no effect, are left out.
 */

import type { Define } from '../layers.js';

const WIDTHS = [128, 128, 128, 128, 8, 128, 128, 128, 128] as const;

/** @param options `classes`: number of outputs, equal to the number of inputs */
export function denseAutoencoder({ classes }: { readonly classes: number }): Define {
  return (n, x) => {
    let h = n.flatten(x, { name: 'features' });
    for (const [layer, width] of WIDTHS.entries()) {
      h = n.linear(h, width, { name: `dense${layer + 1}`, batchNorm: true, activation: 'relu' });
    }
    return n.linear(h, classes, { name: 'out' });
  };
}
