/** Tensors of a model that can be quantized, found by declaring the model without quantizers and initial values. */

import { Graph } from '../graph/index.js';
import { buildModel, type ModelOptions } from './models/models.js';
import { unquantized } from './quantizerSettings.js';
import { type NetworkTensor, Variables } from './variables.js';

/** The tensors in the order of the network. `imageShape`: height, width, channels. */
export function quantizableTensors(model: ModelOptions, imageShape: readonly number[]): readonly NetworkTensor[] {
  const graph = new Graph();
  const variables = new Variables(null);
  const ranges = graph.tensor('ranges', [1, 2]);
  const parts = { weights: unquantized, activations: unquantized, linear: unquantized, input: unquantized };
  const network = { graph, variables, training: true, ranges, ...parts };
  buildModel(network, graph.tensor('images', [1, ...imageShape]), model);
  return variables.tensors;
}
