/**
 * MobileNetV2 (Sandler et al. 2018, table 2) in torchvision's form and with its names; any class count and image size.
 * An inverted residual widens by a 1×1 convolution, filters every channel by itself, and narrows again without an
 * ReLU: what is kept of it, a sum in most blocks, is a linear output. Of torchvision's form the dropout before the classifier is left out.
 */

import { dimension, type Tensor } from '../../graph/index.js';
import { add } from '../../ops/add.js';
import { globalAveragePool } from '../../ops/globalAveragePool.js';
import { heNormal, normal, zeros } from '../initializers.js';
import {
  affine,
  convolutionBatchNorm,
  depthwiseBatchNorm,
  linearOutput,
  type Network,
  nonlinearity,
} from '../layers.js';
import { batchNormNames } from './torchvisionNames.js';
import { byEight } from './width.js';

export interface MobilenetV2Options {
  readonly classes: number;
  /** Factor of all numbers of channels; the last one does not fall below 1280. */
  readonly widthMultiplier: number;
}

/** t, c, n, s of the paper's table; the stride is that of a group's first block. */
const GROUPS = [
  { expansion: 1, channels: 16, blocks: 1, stride: 1 },
  { expansion: 6, channels: 24, blocks: 2, stride: 2 },
  { expansion: 6, channels: 32, blocks: 3, stride: 2 },
  { expansion: 6, channels: 64, blocks: 4, stride: 2 },
  { expansion: 6, channels: 96, blocks: 3, stride: 1 },
  { expansion: 6, channels: 160, blocks: 3, stride: 2 },
  { expansion: 6, channels: 320, blocks: 1, stride: 1 },
] as const;

/** x [B,H,W,3] → logits [B,classes]. */
export function mobilenetV2(network: Network, x: Tensor, { classes, widthMultiplier }: MobilenetV2Options): Tensor {
  const scopes = scopesOf('features');
  let h = rectified(network, x, scopes(), { channels: byEight(32 * widthMultiplier), size: 3, stride: 2 });
  for (const { expansion, channels, blocks, stride } of GROUPS) {
    for (let block = 0; block < blocks; block++) {
      const shape = { expansion, channels: byEight(channels * widthMultiplier), stride: block === 0 ? stride : 1 };
      h = invertedResidual(network, h, scopes(), shape);
    }
  }
  h = rectified(network, h, scopes(), { channels: byEight(1280 * Math.max(1, widthMultiplier)), size: 1, stride: 1 });
  const pooled = globalAveragePool(network.graph, h);
  const names = { weight: 'classifier.1.weight', bias: 'classifier.1.bias', layout: 'transposed' } as const;
  return affine(network, pooled, classes, names, { weight: normal(network.variables.random, 0.01), bias: zeros });
}

function invertedResidual(
  network: Network,
  x: Tensor,
  scope: string,
  { expansion, channels, stride }: { readonly expansion: number; readonly channels: number; readonly stride: number },
): Tensor {
  const scopes = scopesOf(`${scope}.conv`);
  const inputs = dimension(x, 3);
  const wide =
    expansion === 1 ? x : rectified(network, x, scopes(), { channels: inputs * expansion, size: 1, stride: 1 });
  const filtered = rectified(network, wide, scopes(), { channels: 'depthwise', size: 3, stride });
  const narrow = convolution(network, filtered, scopes(), scopes(), { channels, size: 1, stride: 1 });
  const isResidual = stride === 1 && inputs === channels;
  return linearOutput(network, isResidual ? add(network.graph, narrow, x) : narrow, scope);
}

interface Filters {
  readonly channels: number | 'depthwise';
  readonly size: number;
  readonly stride: number;
}

/** Convolution, batch normalisation, ReLU6 or its quantizer. */
function rectified(network: Network, x: Tensor, scope: string, filters: Filters): Tensor {
  const scopes = scopesOf(scope);
  return nonlinearity(network, convolution(network, x, scopes(), scopes(), filters), scopes(), 'relu6');
}

function convolution(network: Network, x: Tensor, scope: string, norm: string, filters: Filters): Tensor {
  const { channels, size, stride } = filters;
  const { random } = network.variables;
  const options = { name: `${scope}.weight`, size, stride, padding: (size - 1) / 2 };
  if (channels !== 'depthwise') {
    const initialize = heNormal(random, 'fanOut');
    return convolutionBatchNorm(network, x, { ...options, channels, initialize }, batchNormNames(norm));
  }
  // PyTorch does not divide by the groups: the fan-out counts all channels.
  const initialize = normal(random, Math.sqrt(2 / (size * size * dimension(x, 3))));
  return depthwiseBatchNorm(network, x, { ...options, initialize }, batchNormNames(norm));
}

/** Names the parts of a sequence: `scope.0`, `scope.1`, … */
function scopesOf(scope: string): () => string {
  let next = 0;
  return () => `${scope}.${next++}`;
}
