/**
 * ResNets for 32×32 images (He et al. 2016, section 4.2): a 3×3 convolution, three groups of n blocks with 16, 32 and 64
 * channels, global average pooling, a classifier; 6n + 2 layers. Names are those of the published NNabla code.
 */

import { dimension, type Tensor } from '../../graph/index.js';
import { add } from '../../ops/add.js';
import { globalAveragePool } from '../../ops/globalAveragePool.js';
import { scale } from '../../ops/scale.js';
import { subsample } from '../../ops/subsample.js';
import { heNormal, ones, zeros } from '../initializers.js';
import { affine, convolutionBatchNorm, linearOutput, type Network, nonlinearity } from '../layers.js';

export interface ResnetCifarOptions {
  /** Layers: 20, 32, 44, 56, 110. */
  readonly depth: number;
  /** '': every second pixel, padded with zero channels; 'b': 1×1 convolution where channels change; 'c': always. */
  readonly shortcutType: '' | 'b' | 'c';
  readonly classes: number;
  /** Multiply the logits by a learned number. */
  readonly scaleLayer: boolean;
}

/** x [B,H,W,3] → logits [B,classes]. */
export function resnetCifar(network: Network, x: Tensor, options: ResnetCifarOptions): Tensor {
  const blocks = (options.depth - 2) / 6;
  let h = nonlinearity(network, convolution(network, x, 'conv1', 16, 3, 1), 'conv1');
  for (const [group, channels] of [16, 32, 64].entries()) {
    for (let layer = 0; layer < blocks; layer++) {
      const stride = group > 0 && layer === 0 ? 2 : 1;
      h = block(network, h, `res${group + 1}/layer${layer + 1}`, channels, stride, options.shortcutType);
    }
  }
  const pooled = globalAveragePool(network.graph, h);
  const { random } = network.variables;
  const names = { weight: 'fc/quantized_affine/W', bias: 'fc/quantized_affine/b', layout: 'plain' } as const;
  const logits = affine(network, pooled, options.classes, names, { weight: heNormal(random, 'fanIn'), bias: zeros });
  if (!options.scaleLayer) return logits;
  const factor = network.variables.parameter(network.graph, 'fc/scale_layer', [1, 1], 'plain', () => ones([1, 1]));
  return scale(network.graph, logits, factor);
}

function block(
  network: Network,
  x: Tensor,
  scope: string,
  channels: number,
  stride: number,
  shortcutType: '' | 'b' | 'c',
): Tensor {
  const first = `${scope}/basicblock1`;
  const hidden = nonlinearity(network, convolution(network, x, first, channels, 3, stride), first);
  const main = convolution(network, hidden, `${scope}/basicblock2`, channels, 3, 1);
  const extraChannels = channels - dimension(x, 3);
  let shortcut = x;
  if (shortcutType === 'c' || (shortcutType === 'b' && extraChannels > 0)) {
    const convolved = convolution(network, x, `${scope}/basicblock_s/shortcut_conv`, channels, 1, stride);
    shortcut = linearOutput(network, convolved, `${scope}/basicblock_s`);
  } else if (extraChannels > 0) {
    shortcut = subsample(network.graph, x, stride, extraChannels);
  }
  return nonlinearity(network, add(network.graph, main, shortcut), scope);
}

/** A convolution without bias and its batch normalization, under the published names of `scope`. */
export function convolution(
  network: Network,
  x: Tensor,
  scope: string,
  channels: number,
  size: number,
  stride: number,
): Tensor {
  return convolutionBatchNorm(
    network,
    x,
    {
      name: `${scope}/quantized_conv/W`,
      channels,
      size,
      stride,
      padding: (size - 1) / 2,
      initialize: heNormal(network.variables.random, 'fanIn'),
    },
    {
      gamma: `${scope}/bn/gamma`,
      beta: `${scope}/bn/beta`,
      mean: `${scope}/bn/mean`,
      variance: `${scope}/bn/var`,
    },
  );
}
