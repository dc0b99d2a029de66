/** Tensors whose values a quantizer has made, perhaps moved or thinned out since. */

import { type AnyNode, operandsOf, resultsOf } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { Activation } from '../ops/attributes.js';
import { definitionOf } from '../ops/index.js';

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
    const { values } = definitionOf(call);
    if (!tensor || !values || values === 'new' || values === 'joined') continue;
    const origin = values === 'kept' ? quantized.get(operandsOf(call)[0]!) : quantizerOf(call, values(call.attributes));
    if (origin) quantized.set(tensor, origin);
  }
  return quantized;
}

function quantizerOf({ operands }: AnyNode, activation: Activation | null): Quantized | undefined {
  const { ranges } = operands as { readonly ranges?: Tensor | null };
  return activation?.type === 'quantize' && ranges ? { activation, ranges } : undefined;
}
