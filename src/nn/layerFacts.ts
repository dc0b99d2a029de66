/** Costs of each layer of a network, before anything is trained. */

import { elementCount, Graph, type Shape } from '../graph/index.js';
import { costOf } from '../ops/cost.js';
import { shapeBuilder } from './definitionData.js';
import type { Layer, NetworkDefinition } from './layer.js';
import { Variables } from './variables.js';

export interface LayerFacts {
  readonly layer: Layer;
  /** The shape of its output, for one image and without the batch. */
  readonly shape: Shape;
  /** Learned numbers, those of its batch normalisation included. */
  readonly parameters: number;
  /** Multiplications with an addition each, for one image. */
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
