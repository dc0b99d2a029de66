/** Networks of fully connected layers, for inputs that are numbers, such as lines of a table. */

import type { Define } from '../layers.js';

interface DenseOptions {
  /** Number of outputs; of an autoencoder equal to the number of inputs. */
  readonly classes: number;
}

interface MlpOptions extends DenseOptions {
  /** Factor for the units of the hidden layers. */
  readonly widthMultiplier: number;
}

/** A multilayer perceptron with two hidden layers. */
export function mlp({ classes, widthMultiplier }: MlpOptions): Define {
  const units = Math.round(64 * widthMultiplier);
  return dense([units, units], classes);
}

/** Number of units of the autoencoder's narrowest layer. */
export const autoencoderBottleneck = 8;

/**
 * MLPerf Tiny's autoencoder for anomaly detection in sound: github.com/mlcommons/tiny,
 * benchmark/training/anomaly_detection. The biases before batch normalisations, which have no effect, are left out.
 */
export function denseAutoencoder({ classes }: DenseOptions): Define {
  return dense([128, 128, 128, 128, autoencoderBottleneck, 128, 128, 128, 128], classes);
}

function dense(widths: readonly number[], outputs: number): Define {
  return (n, x) => {
    let h = n.flatten(x, { name: 'features' });
    for (const [layer, width] of widths.entries()) {
      h = n.linear(h, width, { name: `dense${layer + 1}`, batchNorm: true, activation: 'relu' });
    }
    return n.linear(h, outputs, { name: 'out' });
  };
}
