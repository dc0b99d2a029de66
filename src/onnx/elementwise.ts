/** Sums, products, biases and activations, which a pending layer may absorb. */

import type { NodeContext } from './nodeContext.js';
import type { Constant } from './onnxGraph.js';
import {
  type Activation,
  featuresOf,
  imageOf,
  isOutput,
  type Known,
  newPending,
  type Output,
  once,
  waiting,
} from './outputs.js';

/** A sum of two outputs, or a layer's bias. */
export function addition(context: NodeContext): Known {
  const { n, inputs } = context;
  const constant = inputs.findIndex((input) => input && !isOutput(input));
  if (constant >= 0) return biased(context, 1 - constant, context.needed(constant));
  const [a, b] = [context.output(0), context.output(1)];
  if (a.shape.join() !== b.shape.join()) throw context.fault(`of [${a.shape}] and [${b.shape}]`);
  const name = context.plainName('add');
  return waiting(a.shape, newPending('other'), ({ activation }) => n.add(a.value(), b.value(), { name, activation }));
}

function biased(context: NodeContext, index: number, bias: Constant): Known {
  const x = context.output(index);
  const pending = context.pending(index);
  const missing = x.shape.length - bias.shape.length;
  const isPerChannel = x.shape.every((size, axis) => (bias.shape[axis - missing] ?? 1) === (axis === 1 ? size : 1));
  const hasBias = !pending || pending.layer === 'other' || pending.batchNorm || pending.bias;
  if (hasBias || pending.activation !== 'none' || missing < 0 || !isPerChannel) {
    throw context.fault(`of a constant [${bias.shape}]`);
  }
  pending.bias = bias;
  return x;
}

/** An activation, absorbed by the pending layer or alone. */
export function activated(context: NodeContext, activation: Exclude<Activation, 'none'>): Known {
  const x = context.output();
  const pending = context.pending();
  const both = pending && together(pending.activation, activation);
  if (both) {
    pending.activation = both;
    return x;
  }
  const name = context.plainName(activation);
  return { shape: x.shape, value: once(() => context.n.activation(x.value(), activation, { name })) };
}

/**
 * The activation that two do, one behind the other; null if there is none. PyTorch writes `relu6`, the function, as a
 * ReLU and a clip.
 */
function together(first: Activation, second: Exclude<Activation, 'none'>): Activation | null {
  if (first === 'none') return second;
  if (first === 'relu' && (second === 'relu' || second === 'relu6')) return second;
  return first === 'relu6' && (second === 'relu' || second === 'relu6') ? first : null;
}

/** A sigmoid. If its operand has other readers, it may be half of a SiLU or a hard-swish. */
export function gate(context: NodeContext, type: 'sigmoid' | 'hardSigmoid'): Known {
  const x = context.output();
  const known = activated(context, type);
  return known === x ? x : { ...(known as Output), gate: { type, of: x } };
}

/** PyTorch's hard-sigmoid: min(max(x / 6 + 1 / 2, 0), 1). */
export function hardSigmoid(context: NodeContext): Known {
  const [alpha, beta] = [context.number('alpha', 0.2), context.number('beta', 0.5)];
  if (Math.abs(alpha - 1 / 6) < 1e-6 && beta === 0.5) return gate(context, 'hardSigmoid');
  throw context.fault(`with alpha ${alpha} and beta ${beta}`);
}

/** x times its own sigmoid, or each channel of an image times a number; features are the factors of an image of one pixel. */
export function multiplication(context: NodeContext): Known {
  const operands = [context.output(0), context.output(1)] as const;
  for (const [index, x] of operands.entries()) {
    const { gate } = operands[1 - index]!;
    if (gate?.of === x) return gated(context, index, gate.type === 'sigmoid' ? 'silu' : 'hardSwish');
  }
  const isPixel = ({ shape }: Output) => shape.length > 2 && shape.slice(2).every((size) => size === 1);
  const isList = (x: Output) => x.value().shape.length === 1;
  const [a, b] = operands;
  const isSecond = isPixel(b) && (!isPixel(a) || (isList(b) && !isList(a)));
  const [factors, image] = isSecond ? [b, a] : [a, b];
  if (!isPixel(factors) || image.shape[1] !== factors.shape[1] || image.shape.length !== factors.shape.length) {
    throw context.fault(`of [${a.shape}] and [${b.shape}]`);
  }
  const name = context.plainName('multiply');
  return waiting(image.shape, newPending('other'), ({ activation }) =>
    context.n.multiply(imageOf(context, image), featuresOf(context, factors), { name, activation }),
  );
}

function gated(context: NodeContext, index: number, activation: 'silu' | 'hardSwish'): Known {
  const x = context.output(index);
  const isGateReadOnce = context.importer.readers(context.node.inputs[1 - index]!) === 1;
  const pending = context.pending(index, 2);
  if (isGateReadOnce && pending?.activation === 'none') {
    pending.activation = activation;
    return x;
  }
  const name = context.plainName(activation);
  return { shape: x.shape, value: once(() => context.n.activation(x.value(), activation, { name })) };
}

/** A clip, whose bounds are attributes up to operator set 10. */
export function clip(context: NodeContext): Known {
  const bound = (index: number, name: string, usual: number) =>
    context.constant(index)?.values[0] ?? context.number(name, usual);
  const [least, most] = [bound(1, 'min', Number.NEGATIVE_INFINITY), bound(2, 'max', Number.POSITIVE_INFINITY)];
  if (least === 0 && most === 6) return activated(context, 'relu6');
  if (least === 0 && most > 1e30) return activated(context, 'relu');
  throw context.fault(`to ${least} … ${most}`);
}
