/** Linear layers, as Gemm or as MatMul with a sum behind it. */

import type { Value } from '../nn/index.js';
import { keepBatchNorm } from './batchNorm.js';
import type { NodeContext } from './nodeContext.js';
import type { Constant } from './onnxGraph.js';
import { featuresOf, type Known, newPending, type Output, type Pending, waiting } from './outputs.js';

/** @param weight [outputs, inputs]; the third operand is the optional bias */
export function linear(context: NodeContext, weight: Constant | null): Known {
  const x = context.flatOutput();
  if (x.shape.length !== 2 || weight?.shape.length !== 2) {
    throw context.fault(`of [${x.shape}] and [${weight?.shape}]`);
  }
  return fullyConnected(context, x, weight, context.bias(2, weight.shape[0]!));
}

/** A fully connected layer with outputs [1, outputs], or with pixels behind, as `x` has them. */
export function fullyConnected(context: NodeContext, x: Output, weight: Constant, bias: Constant | null): Known {
  const { importer, node, n } = context;
  const [outputs, inputs] = weight.shape;
  if (x.shape[1] !== inputs) throw context.fault(`weights for ${inputs} features of ${x.shape[1]}`);
  const name = context.name(node.inputs[1], 'linear');
  const make = ({ activation, batchNorm, bias: own }: Pending): Value => {
    const norm = batchNorm && importer.free(batchNorm.name ?? `${name}.bn`);
    const y = n.linear(featuresOf(context, x), outputs!, {
      name,
      activation,
      ...(norm !== null && { batchNorm: norm }),
    });
    importer.keep(`${name}.weight`, [outputs!, inputs!], inOurOrder(weight.values, inputs!, x.order));
    if (norm !== null) keepBatchNorm(importer, norm, outputs!, batchNorm, own);
    else importer.keep(`${name}.bias`, [outputs!], own?.values ?? new Float64Array(outputs!));
    return y;
  };
  return waiting([1, outputs!, ...x.shape.slice(2)], newPending('linear', bias), make);
}

/**
 * Weights [outputs, inputs] whose inputs are an image's numbers: reordered to pixel by pixel from ONNX's channel by
 * channel.
 */
function inOurOrder(values: Constant['values'], inputs: number, order: Output['order']): Constant['values'] {
  if (!order) return values;
  const [channels, rows, columns] = order;
  return values.map((_, at) => {
    const [row, place] = [Math.floor(at / inputs), at % inputs];
    const [pixel, channel] = [Math.floor(place / channels), place % channels];
    return values[row * inputs + channel * rows * columns + pixel]!;
  });
}
