/** Linear layers, as Gemm or as MatMul with a sum behind it. */

import type { Value } from '../nn/index.js';
import type { NodeContext } from './nodeContext.js';
import type { Constant } from './onnxGraph.js';
import { featuresOf, type Known, newPending, type Pending, waiting } from './outputs.js';

/** @param weight [outputs, inputs] */
export function linear(context: NodeContext, weight: Constant | null, bias: Constant | null): Known {
  const { importer, node, n } = context;
  const x = context.output();
  if (x.shape.length !== 2 || weight?.shape.length !== 2) throw context.fault(`of [${x.shape}] and [${weight?.shape}]`);
  const [outputs, inputs] = weight.shape;
  if (x.shape[1] !== inputs) throw context.fault(`weights for ${inputs} features of ${x.shape[1]}`);
  const name = context.name(node.inputs[1], 'linear');
  const make = (own: Pending): Value => {
    const y = n.linear(featuresOf(context, x), outputs!, { name, activation: own.activation });
    importer.keep(`${name}.weight`, [outputs!, inputs!], weight.values);
    importer.keep(`${name}.bias`, [outputs!], own.bias?.values ?? new Float64Array(outputs!));
    return y;
  };
  return waiting([1, outputs!], newPending('linear', bias), make);
}
