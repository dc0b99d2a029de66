/** Tensors whose values a quantizer has made, perhaps moved or thinned out since. */

import { type AnyNode, operandsOf, resultsOf } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { Activation } from '../ops/attributes.js';
import { activationOf, definitionOf } from '../ops/index.js';

export type QuantizingActivation = Extract<Activation, { type: 'quantize' }>;

export interface Quantized {
  readonly activation: QuantizingActivation;
  /** Effective ranges of the quantizers, of which the activation names a row. */
  readonly ranges: Tensor;
}

/** The quantizer of each tensor of a phase that has one. */
export function quantizedTensors(calls: readonly AnyNode[]): ReadonlyMap<Tensor, Quantized> {
  const quantized = new Map<Tensor, Quantized>();
  for (const call of calls) {
    const [tensor] = resultsOf(call);
    const isKept = definitionOf(call).values === 'kept';
    const origin = isKept ? quantized.get(operandsOf(call)[0]!) : quantizerOf(call);
    if (tensor && origin) quantized.set(tensor, origin);
  }
  return quantized;
}

function quantizerOf(call: AnyNode): Quantized | undefined {
  const activation = activationOf(call);
  const { ranges } = call.operands as { readonly ranges?: Tensor | null };
  return activation?.type === 'quantize' && ranges ? { activation, ranges } : undefined;
}
