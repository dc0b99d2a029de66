/** Facts about a built network, from its evaluation phase: layers with weights, and activations, in order. */

import { elementCount } from '../elementCount.js';
import { channelsOf, type Tensor } from '../graph/index.js';
import { STORAGE, storedShape } from '../nn/index.js';
import { evenWindow } from '../ops/window.js';
import type { TrainingProgram } from '../program/trainingProgram.js';

export interface LayerFacts {
  readonly type: 'conv' | 'linear';
  /** Name of the weight. */
  readonly weight: string;
  /** In the stored layout. */
  readonly weightShape: readonly number[];
  readonly outputShape: readonly number[];
  readonly inputChannels: number;
  readonly outputChannels: number;
  readonly stride: number;
  readonly padding: number;
  readonly hasBias: boolean;
  readonly multiplyAccumulates: number;
}

/**
 * Layers with unquantized weights in forward order.
 *
 * @throws {Error} if weights are quantized: their names are then not next to the layers.
 */
export function layerFacts({ plan, variables }: TrainingProgram): LayerFacts[] {
  return (plan.phases.evaluate ?? []).flatMap((node): LayerFacts[] => {
    const isConvolution = node.op === 'conv2d' || node.op === 'depthwiseConv2d';
    if (!isConvolution && node.op !== 'linear') return [];
    const { x, w } = node.operands;
    const output = node.results.y;
    const weight = variables.find(w.name);
    if (!weight) throw new Error(`${node.op}: its weight is quantized`);
    const outputShape = imageShape(output);
    const weightShape = storedShape(weight.shape, weight.layout);
    const window = isConvolution ? evenWindow(node.attributes) : { stride: 1, padding: 0 };
    if (!window) throw new Error(`${weight.name}: the golden networks have even windows`);
    const pixels = elementCount(outputShape.slice(1));
    return [
      {
        type: isConvolution ? 'conv' : 'linear',
        weight: weight.name,
        weightShape,
        outputShape,
        inputChannels: channelsOf(x),
        outputChannels: outputShape[0]!,
        ...window,
        hasBias: node.op === 'linear',
        multiplyAccumulates: pixels * elementCount(weightShape),
      },
    ];
  });
}

/** Shapes of the activations of one image, channels first, in forward order. */
export function activationShapes({ plan }: TrainingProgram): number[][] {
  return (plan.phases.evaluate ?? []).flatMap((node) => {
    if (node.op !== 'activation' && node.op !== 'batchNorm') return [];
    const ofParameter = node.operands.x.view?.storage.name === STORAGE.parameters;
    return node.attributes.activation && !ofParameter ? [imageShape(node.results.y)] : [];
  });
}

/** Without the batch, channels first. */
function imageShape({ shape }: Tensor): number[] {
  const [, ...rest] = shape;
  const channels = rest.pop()!;
  return [channels, ...rest];
}
