/** Sums, biases and activations: what a layer that waits may take in. */

import type { NodeContext } from './nodeContext.js';
import type { Constant } from './onnxGraph.js';
import { type Activation, isOutput, type Known, newPending, waiting } from './outputs.js';

/** A sum of two outputs, or a bias behind a layer. */
export function addition(context: NodeContext): Known {
  const { n, inputs } = context;
  const constant = inputs.findIndex((input) => input && !isOutput(input));
  if (constant >= 0) return biased(context, 1 - constant, context.needed(constant));
  const [a, b] = [context.output(0), context.output(1)];
  if (a.shape.join() !== b.shape.join()) throw context.fault(`of [${a.shape}] and [${b.shape}]`);
  const name = context.plainName('add');
  return waiting(a.shape, newPending('sum'), ({ activation }) => n.add(a.value(), b.value(), { name, activation }));
}

function biased(context: NodeContext, index: number, bias: Constant): Known {
  const x = context.output(index);
  const pending = context.pending(index);
  const isPerChannel =
    bias.values.length === x.shape[1] && bias.shape.every((size) => size === 1 || size === x.shape[1]);
  const hasBias = !pending || pending.layer === 'sum' || pending.batchNorm || pending.bias;
  if (hasBias || pending.activation !== 'none' || !isPerChannel) {
    throw context.fault(`of a constant [${bias.shape}]`);
  }
  pending.bias = bias;
  return x;
}

export function activated(context: NodeContext, activation: Activation): Known {
  const pending = context.pending();
  if (pending?.activation !== 'none') throw context.fault('not behind a convolution, a sum or a linear layer');
  pending.activation = activation;
  return context.output();
}

/** Bounds are attributes up to operator set 10. */
export function clip(context: NodeContext): Known {
  const bound = (index: number, name: string, usual: number) =>
    context.constant(index)?.values[0] ?? context.number(name, usual);
  const [least, most] = [bound(1, 'min', Number.NEGATIVE_INFINITY), bound(2, 'max', Number.POSITIVE_INFINITY)];
  if (least === 0 && most === 6) return activated(context, 'relu6');
  if (least === 0 && most > 1e30) return activated(context, 'relu');
  throw context.fault(`to ${least} … ${most}`);
}
