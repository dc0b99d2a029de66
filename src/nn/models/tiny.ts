/** A network of three layers for tests, which mostly need some network. Nothing that users see names it. */

import type { Tensor } from '../../graph/index.js';
import { globalAveragePool } from '../../ops/globalAveragePool.js';
import { heNormal, zeros } from '../initializers.js';
import { affine, type Network, nonlinearity } from '../layers.js';
import { convolution } from './resnetCifar.js';

/** x [B,H,W,3] → logits [B,classes]: two convolutions of stride 2 with 8 and 16 channels, and a classifier. */
export function tiny(network: Network, x: Tensor, classes: number): Tensor {
  let h = x;
  for (const [scope, channels] of [['conv1', 8] as const, ['conv2', 16] as const]) {
    h = nonlinearity(network, convolution(network, h, scope, channels, 3, 2), scope);
  }
  const names = { weight: 'fc/quantized_affine/W', bias: 'fc/quantized_affine/b', layout: 'plain' } as const;
  const weight = heNormal(network.variables.random, 'fanIn');
  return affine(network, globalAveragePool(network.graph, h), classes, names, { weight, bias: zeros });
}
