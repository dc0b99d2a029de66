/** Models by name. */

import type { Tensor } from '../../graph/index.js';
import type { NetworkDefinition } from '../layer.js';
import type { Network } from '../layerNodes.js';
import { type Define, defined } from '../layers.js';
import type { Names } from '../naming.js';
import { buildNetwork } from '../networkBuilder.js';
import { denseAutoencoder, mlp } from './dense.js';
import { dsCnn } from './dsCnn.js';
import { mobilenetV1 } from './mobilenetV1.js';
import { mobilenetV2 } from './mobilenetV2.js';
import { resnet8 } from './resnet8.js';
import { resnet18 } from './resnet18.js';
import { resnetCifar } from './resnetCifar.js';
import { tiny } from './tiny.js';

export interface ModelOptions {
  /** Name of a built-in model, or source of the definition. */
  readonly model: string;
  /** A network definition instead of a built-in model. */
  readonly definition?: NetworkDefinition | null;
  /** Number of outputs of a built-in model. */
  readonly classes: number;
  readonly shortcutType: '' | 'b' | 'c';
  readonly scaleLayer: boolean;
  /** Factor for the numbers of channels of MobileNets and of ResNets but ResNet-8, and of units of the perceptron. */
  readonly widthMultiplier: number;
}

/** Builds a model on images [B,H,W,C]. Returns its output, [B,outputs] or [B,H,W,C]. */
export function buildModel(network: Network, images: Tensor, options: ModelOptions): Tensor {
  return buildNetwork(network, images, modelDefinition(options, images.shape.slice(1)));
}

/**
 * The definition of a model for images of one size. `settings/` checks names.
 *
 * @param input height, width, channels
 */
export function modelDefinition(options: ModelOptions, input: readonly number[]): NetworkDefinition {
  if (options.definition) return options.definition;
  const { names, define } = modelNamed(options);
  return defined({ input: input as NetworkDefinition['input'], names }, define);
}

function modelNamed(options: ModelOptions): { readonly names: Names; readonly define: Define } {
  const depth = /^resnet(20|32|44|56|110)$/.exec(options.model)?.[1];
  if (depth) return { names: 'published', define: resnetCifar({ ...options, depth: Number(depth) }) };
  if (options.model === 'tiny') return { names: 'published', define: tiny(options) };
  const model = withDots.get(options.model);
  if (!model) throw new Error(`model ${options.model} is not known`);
  return { names: 'dots', define: model(options) };
}

/** Models whose layers have names as in PyTorch. */
const withDots: ReadonlyMap<string, (options: ModelOptions) => Define> = new Map([
  ['resnet18', resnet18],
  ['mobilenetv2', mobilenetV2],
  ['ds_cnn', dsCnn],
  ['mobilenetv1', mobilenetV1],
  ['resnet8', resnet8],
  ['dense_autoencoder', denseAutoencoder],
  ['mlp', mlp],
]);
