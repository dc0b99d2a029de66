/** ResNet-18 (He et al. 2016, table 1) in torchvision's form and with its names; any class count, image size and width. */

import { dimension, type Tensor } from '../../graph/index.js';
import { add } from '../../ops/add.js';
import { globalAveragePool } from '../../ops/globalAveragePool.js';
import { maxPool } from '../../ops/maxPool.js';
import { heNormal, uniform } from '../initializers.js';
import { affine, convolutionBatchNorm, linearOutput, type Network, nonlinearity } from '../layers.js';
import { batchNormNames } from './torchvisionNames.js';
import { byEight } from './width.js';

export interface Resnet18Options {
  readonly classes: number;
  readonly widthMultiplier: number;
}

/** x [B,H,W,3] → logits [B,classes]. */
export function resnet18(network: Network, x: Tensor, { classes, widthMultiplier }: Resnet18Options): Tensor {
  const wide = (channels: number) => byEight(channels * widthMultiplier);
  let h = nonlinearity(network, convolution(network, x, 'conv1', 'bn1', wide(64), 7, 2), 'relu');
  h = maxPool(network.graph, h, { size: 3, stride: 2, padding: 1 }, network.training);
  for (const [group, channels] of [64, 128, 256, 512].entries()) {
    for (let layer = 0; layer < 2; layer++) {
      h = block(network, h, `layer${group + 1}.${layer}`, wide(channels), group > 0 && layer === 0 ? 2 : 1);
    }
  }
  const pooled = globalAveragePool(network.graph, h);
  const limit = 1 / Math.sqrt(dimension(pooled, 1));
  const initialize = uniform(network.variables.random, limit);
  const names = { weight: 'fc.weight', bias: 'fc.bias', layout: 'transposed' } as const;
  return affine(network, pooled, classes, names, { weight: initialize, bias: initialize });
}

function block(network: Network, x: Tensor, scope: string, channels: number, stride: number): Tensor {
  const first = convolution(network, x, `${scope}.conv1`, `${scope}.bn1`, channels, 3, stride);
  const hidden = nonlinearity(network, first, `${scope}.relu1`);
  const main = convolution(network, hidden, `${scope}.conv2`, `${scope}.bn2`, channels, 3, 1);
  const projected = () => {
    const names = [`${scope}.downsample.0`, `${scope}.downsample.1`] as const;
    return linearOutput(network, convolution(network, x, ...names, channels, 1, stride), `${scope}.downsample`);
  };
  const shortcut = stride === 1 && dimension(x, 3) === channels ? x : projected();
  return nonlinearity(network, add(network.graph, main, shortcut), `${scope}.relu2`);
}

function convolution(
  network: Network,
  x: Tensor,
  name: string,
  norm: string,
  channels: number,
  size: number,
  stride: number,
): Tensor {
  const initialize = heNormal(network.variables.random, 'fanOut');
  return convolutionBatchNorm(
    network,
    x,
    { name: `${name}.weight`, channels, size, stride, padding: (size - 1) / 2, initialize },
    batchNormNames(norm),
  );
}
