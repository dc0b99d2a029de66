/** The tensors of a model that can be quantized, by name: found by declaring it without quantizers and without start values. */

import { createRandom } from '../data/random.js';
import { Graph } from '../graph/index.js';
import { wideLimitsOfM } from '../quant/index.js';
import { buildModel, type ModelOptions } from './models/models.js';
import type { QuantizerSettings } from './quantizerSettings.js';
import { type NetworkTensor, Variables } from './variables.js';

/** The tensors in the order of the network. `imageShape`: height, width, channels. */
export function quantizableTensors(model: ModelOptions, imageShape: readonly number[]): readonly NetworkTensor[] {
  const graph = new Graph();
  const variables = new Variables({ ...createRandom(0), uniform: () => 0, normal: () => 0 });
  const ranges = graph.tensor('ranges', [1, 2]);
  const parts = { weights: unquantized, activations: unquantized, linear: unquantized, input: unquantized };
  const network = { graph, variables, training: true, ranges, ...parts };
  buildModel(network, graph.tensor('images', [1, ...imageShape]), model);
  return variables.tensors;
}

const anything = { min: 0, max: 1 };
/** Settings of weights or activations that have no quantizer. */
export const unquantized: QuantizerSettings = {
  kind: null,
  bitwidth: 32,
  stepSize: 'published',
  bounds: {
    bounds: { n: anything, d: anything, xmin: anything, xmax: anything, m: wideLimitsOfM },
    accountingXmin: anything,
  },
  recomputeRange: false,
  perChannel: false,
};
