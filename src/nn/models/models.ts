/** Models by name. */

import type { Tensor } from '../../graph/index.js';
import { type Network, networkInput } from '../layers.js';
import { mobilenetV2 } from './mobilenetV2.js';
import { resnet18 } from './resnet18.js';
import { resnetCifar } from './resnetCifar.js';
import { tiny } from './tiny.js';

export interface ModelOptions {
  readonly model: string;
  readonly classes: number;
  readonly shortcutType: '' | 'b' | 'c';
  readonly scaleLayer: boolean;
  /** Factor of all numbers of channels of MobileNetV2 and ResNet-18. */
  readonly widthMultiplier: number;
}

/** Builds a model on images [B,H,W,3]; returns its logits [B,classes]. Names are checked by `experiment/`. */
export function buildModel(network: Network, images: Tensor, options: ModelOptions): Tensor {
  const x = networkInput(network, images);
  const depth = /^resnet(20|32|44|56|110)$/.exec(options.model)?.[1];
  if (depth) return resnetCifar(network, x, { ...options, depth: Number(depth) });
  if (options.model === 'resnet18') return resnet18(network, x, options);
  if (options.model === 'mobilenetv2') return mobilenetV2(network, x, options);
  if (options.model === 'tiny') return tiny(network, x, options.classes);
  throw new Error(`model ${options.model} is not known`);
}
