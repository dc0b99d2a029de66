/**
 * The least that an operation costs: the floating-point operations of its products, counted as direct ones, and the bytes
 * of its operands and results, each moved once as 32 bits (bytes as 8). An engine may do with less arithmetic (Winograd)
 * or fewer bytes (16-bit storage, operations taken together), and needs more bytes where caches hold too little.
 */

import type { Node } from '../graph/graph.js';
import { dimension, elementCount, type Tensor } from '../graph/tensor.js';

export interface Cost {
  /** A multiplication and an addition count as two; what is no product counts nothing. */
  readonly flops: number;
  readonly bytes: number;
}

export function costOf(node: Node): Cost {
  return { flops: productFlops(node), bytes: movedBytes(node) };
}

/** Each element of the result (or of its gradient) is a sum over all weights of its channel. */
function productFlops(node: Node): number {
  const factors = productFactors(node);
  if (!factors) return 0;
  const [y, w] = factors;
  return (2 * elementCount(y.shape) * elementCount(w.shape)) / dimension(y, y.shape.length - 1);
}

/** The result of a product and its weights, or the gradients of their shapes. */
function productFactors({ op, inputs, outputs }: Node): [y: Tensor, w: Tensor] | null {
  switch (op) {
    case 'conv2d':
    case 'depthwiseConv2d':
    case 'linear':
      return [outputs[0]!, inputs[1]!];
    case 'conv2dInputGradient':
    case 'depthwiseConv2dInputGradient':
    case 'linearInputGradient':
      return [inputs[0]!, inputs[1]!];
    case 'conv2dWeightGradient':
    case 'depthwiseConv2dWeightGradient':
    case 'linearWeightGradient':
      return [inputs[1]!, outputs[0]!];
    default:
      return null;
  }
}

function movedBytes({ op, inputs, outputs }: Node): number {
  const read = inputs.filter((tensor) => tensor !== null);
  switch (op) {
    case 'gatherBatch': {
      // Of the images only those of the batch.
      const [x, ...others] = outputs;
      return elementCount(x!.shape) + bytesOf([x!, ...others]);
    }
    case 'parameterUpdate': {
      const [parameters, , velocity, secondMoment] = inputs;
      return bytesOf(read) + bytesOf([parameters, velocity, secondMoment].filter((tensor) => tensor != null));
    }
    case 'movingAverage':
      return bytesOf(read) + bytesOf([inputs[1]!]);
    default:
      return bytesOf(read) + bytesOf(outputs);
  }
}

function bytesOf(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, { dtype, shape }) => sum + (dtype === 'uint8' ? 1 : 4) * elementCount(shape), 0);
}
