/** Shapes and costs of each layer, known before training. */

import { elementCount, Graph, type Shape } from '../graph/index.js';
import { costOf } from '../ops/cost.js';
import { shapeBuilder } from './definitionData.js';
import type { Layer, NetworkDefinition } from './layer.js';
import { Variables } from './variables.js';

export interface LayerFacts {
  readonly layer: Layer;
  /** Shape of the output for one image, without the batch. */
  readonly shape: Shape;
  /** Number of parameters, those of batch normalisation included. */
  readonly parameters: number;
  /** Multiplications of convolutions and linear layers for one image. */
  readonly multiplications: number;
}

export function layerFacts({ input, layers }: NetworkDefinition): LayerFacts[] {
  const [graph, variables] = [new Graph(), new Variables(null)];
  const builder = shapeBuilder(input, graph, variables);
  return layers.map((layer) => {
    const [firstNode, firstParameter] = [graph.nodes.length, variables.parameters.length];
    const { shape } = builder.append(layer);
    const parameters = variables.parameters.slice(firstParameter).map((own) => elementCount(own.shape));
    const flops = graph.nodes.slice(firstNode).map((node) => costOf(node).flops);
    return { layer, shape: shape.slice(1), parameters: sum(parameters), multiplications: sum(flops) / 2 };
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
