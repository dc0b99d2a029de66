/**
 * Builds the nodes of a network from the list of its layers, one layer after another.
 *
 * Places of quantizers: weights and biases have one each. An unsigned one replaces a ReLU or follows a sigmoid; a
 * signed one follows hard-swish and SiLU. Images and outputs without an activation have a signed one if the settings
 * say so (`a_quantize_input`, `a_quantize_linear`). An output without an activation is quantized when it is stored:
 * when a layer reads it. A sum takes one operand without storing it, as a device adds in its accumulators: the first
 * one without an activation that is not stored yet. Nothing is stored between a layer and the factor that scales its
 * output, nor between a global average and the fully connected layer that gives the outputs, which a device computes
 * from the sum.
 */

import type { Tensor } from '../graph/index.js';
import { add } from '../ops/add.js';
import { averagePool } from '../ops/averagePool.js';
import { concat } from '../ops/concat.js';
import { flatten } from '../ops/flatten.js';
import { globalAveragePool } from '../ops/globalAveragePool.js';
import { maxPool } from '../ops/maxPool.js';
import { multiplyChannels } from '../ops/multiplyChannels.js';
import { scale } from '../ops/scale.js';
import { shuffleChannels } from '../ops/shuffleChannels.js';
import { slice } from '../ops/slice.js';
import { subsample } from '../ops/subsample.js';
import { startValues } from './initializers.js';
import { inputName, type Layer, type NetworkDefinition } from './layer.js';
import {
  affine,
  convolution,
  depthwise,
  functionOutput,
  linearOutput,
  type Network,
  networkInput,
  nonlinearity,
  normalizedAlone,
} from './layerNodes.js';

/** Builds a network on images [B,H,W,C]. Returns its output, [B,outputs] or [B,H,W,C]. */
export function buildNetwork(network: Network, images: Tensor, definition: NetworkDefinition): Tensor {
  const builder = new NetworkBuilder(network, images, classifierOf(definition.layers, definition.output));
  for (const layer of definition.layers) builder.append(layer);
  return builder.computed(definition.output);
}

/**
 * Name of the fully connected layer whose sums and biases are the outputs, or these times a number; undefined if
 * the network ends in something else.
 */
function classifierOf(layers: readonly Layer[], output: string): string | undefined {
  const last = layers.find(({ name }) => name === output);
  if (last?.kind === 'scale') return classifierOf(layers, last.input);
  const isPlain = last?.kind === 'linear' && last.activation === 'none' && last.bias !== null && !last.batchNorm;
  return isPlain ? last.name : undefined;
}

export class NetworkBuilder {
  readonly #network: Network;
  readonly #values = new Map<string, Tensor>();
  /** Names, by layer, of outputs without an activation that are not stored yet. */
  readonly #unstored = new Map<string, string>();
  /** Layers whose output is a global average. */
  readonly #means = new Set<string>();
  readonly #classifier: string | undefined;

  constructor(network: Network, images: Tensor, classifier?: string) {
    this.#network = network;
    this.#classifier = classifier;
    this.#values.set(inputName, networkInput(network, images));
  }

  /** Appends the nodes of a layer and returns its output. */
  append(layer: Layer): Tensor {
    const y = this.#nodes(layer);
    this.#values.set(layer.name, y);
    return y;
  }

  /** The output of a layer as it is computed. */
  computed(name: string): Tensor {
    const value = this.#values.get(name);
    if (!value) throw new Error(`there is no layer ${name}`);
    return value;
  }

  #nodes(layer: Layer): Tensor {
    const network = this.#network;
    const { graph, variables, training } = network;
    switch (layer.kind) {
      case 'conv':
        return this.#activated(layer, convolution(network, this.#stored(layer.input), layer));
      case 'depthwise':
        return this.#activated(layer, depthwise(network, this.#stored(layer.input), layer));
      case 'linear': {
        const { name, input } = layer;
        const isDirect = name === this.#classifier && this.#means.has(input);
        const x = isDirect ? this.computed(input) : this.#stored(input);
        return this.#activated(layer, affine(network, x, layer));
      }
      case 'batchNorm':
        return this.#activated(layer, normalizedAlone(network, this.#stored(layer.input), layer));
      case 'add': {
        const direct = layer.inputs.find((name) => this.#unstored.has(name));
        const [a, b] = layer.inputs.map((name) => (name === direct ? this.computed(name) : this.#stored(name)));
        return this.#activated(layer, add(graph, a!, b!));
      }
      case 'maxPool':
        return maxPool(graph, this.#stored(layer.input), layer.window, training);
      case 'averagePool':
        return this.#unactivated(layer.name, layer.name, averagePool(graph, this.#stored(layer.input), layer.window));
      case 'globalAverage':
        this.#means.add(layer.name);
        return this.#unactivated(layer.name, layer.name, globalAveragePool(graph, this.#stored(layer.input)));
      case 'flatten':
        return flatten(graph, this.#stored(layer.input));
      case 'concat':
        return concat(
          graph,
          layer.inputs.map((input) => this.#stored(input)),
        );
      case 'slice':
        return slice(graph, this.#stored(layer.input), layer.first, layer.channels);
      case 'shuffle':
        return shuffleChannels(graph, this.#stored(layer.input), layer.groups);
      case 'multiply': {
        const [image, factors] = layer.inputs.map((input) => this.#stored(input));
        return this.#activated(layer, multiplyChannels(graph, image!, factors!));
      }
      case 'activation':
        return this.#activated(layer, this.computed(layer.input));
      case 'subsample':
        return subsample(graph, this.#stored(layer.input), layer.stride, layer.extraChannels);
      case 'scale': {
        const shape = [1, 1];
        const factor = variables.parameter(graph, layer.name, shape, 'plain', (random) =>
          startValues('ones', shape, random),
        );
        return this.#unactivated(layer.name, layer.name, scale(graph, this.computed(layer.input), factor));
      }
      default:
        return layer satisfies never;
    }
  }

  #activated(layer: Extract<Layer, { readonly output: string }>, x: Tensor): Tensor {
    const { activation, output, name } = layer;
    switch (activation) {
      case 'none':
        return this.#unactivated(name, output, x);
      case 'relu':
      case 'relu6':
        return nonlinearity(this.#network, x, output, activation);
      case 'sigmoid':
      case 'hardSigmoid':
      case 'hardSwish':
      case 'silu':
        return functionOutput(this.#network, x, output, activation);
      default:
        return activation satisfies never;
    }
  }

  #unactivated(layer: string, output: string, y: Tensor): Tensor {
    this.#unstored.set(layer, output);
    return y;
  }

  /** The output of a layer as other layers read it, quantized and stored if need be. */
  #stored(name: string): Tensor {
    const value = this.computed(name);
    const output = this.#unstored.get(name);
    if (output === undefined) return value;
    this.#unstored.delete(name);
    const stored = linearOutput(this.#network, value, output);
    this.#values.set(name, stored);
    return stored;
  }
}
