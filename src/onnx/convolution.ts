/** Convolutions with the batch normalisation behind them. */

import { batchNormEpsilon, type Value } from '../nn/index.js';
import { type SizedWindowOptions, slidingWindow, windowOf } from '../ops/window.js';
import type { Importer } from './importNetwork.js';
import { moduleOfNode, moduleOfParameter } from './moduleNames.js';
import { type NodeContext, sidesOfPads } from './nodeContext.js';
import type { Constant } from './onnxGraph.js';
import { type BatchNorm, imageOf, type Known, newPending, type Output, type Pending, waiting } from './outputs.js';

export function convolution(context: NodeContext): Known {
  const { importer, node, n } = context;
  const x = context.paddedOutput();
  const weight = context.needed(1);
  const [outputs, inputs, ...kernel] = weight.shape;
  if (kernel.length < 1 || kernel.length > 2 || x.shape.length !== weight.shape.length) {
    throw context.fault(`in ${kernel.length} dimensions on [${x.shape}]`);
  }
  const channels = x.shape[1]!;
  const groups = context.number('group', 1);
  const isDepthwise = groups > 1 && groups === channels && outputs === channels && inputs === 1;
  if (groups > 1 && !isDepthwise) throw context.fault('groups of channels');
  const window = context.window(kernel, x.shape.slice(2), x.padding);
  const name = context.name(node.inputs[1], isDepthwise ? 'depthwise' : 'conv');
  const make = ({ activation, batchNorm, bias }: Pending): Value => {
    const value = imageOf(context, x);
    const options = {
      name,
      ...window,
      activation,
      ...(batchNorm?.name !== undefined && { batchNorm: importer.free(batchNorm.name) }),
    };
    const y = isDepthwise ? n.depthwise(value, options) : n.conv(value, outputs!, options);
    const size = kernel.length === 1 ? [1, ...kernel] : kernel;
    importer.keep(`${name}.weight`, [outputs!, inputs!, ...size], weight.values);
    keepBatchNorm(importer, `${options.batchNorm ?? `${name}.bn`}`, outputs!, batchNorm, bias);
    return y;
  };
  const pending = newPending('convolution', context.constant(2));
  return waiting([1, outputs!, ...windows(x, kernel, window)], pending, make);
}

/** How many windows there are along each axis of an image, or of a signal. */
function windows({ shape, padding }: Output, kernel: readonly number[], options: SizedWindowOptions): number[] {
  const [rows, columns] = shape.length === 3 ? [1, shape[2]!] : [shape[2]!, shape[3]!];
  const { top, bottom, left, right } = padding ?? sidesOfPads([0, 0]);
  const [H, W] = [rows - top - bottom, columns - left - right];
  const [K, L] = kernel.length === 1 ? [1, kernel[0]!] : [kernel[0]!, kernel[1]!];
  const { Y, X } = slidingWindow.sizes({ H, W, K, L }, windowOf(options, [1, H, W], [K, L]));
  return shape.length === 3 ? [X] : [Y, X];
}

function keepBatchNorm(
  importer: Importer,
  name: string,
  channels: number,
  norm: BatchNorm | null,
  bias: Constant | null,
): void {
  const of = (values: (channel: number) => number) => Array.from({ length: channels }, (_, channel) => values(channel));
  const shift = (channel: number) => bias?.values[channel] ?? 0;
  const [gamma, beta, mean, variance] = norm
    ? [
        of((c) => norm.gamma.values[c]!),
        of((c) => norm.beta.values[c]!),
        of((c) => norm.mean.values[c]! - shift(c)),
        of((c) => Math.max(0, norm.variance.values[c]! + norm.epsilon - batchNormEpsilon)),
      ]
    : [of(() => Math.sqrt(1 + batchNormEpsilon)), of(shift), of(() => 0), of(() => 1)];
  importer.keep(`${name}.weight`, [channels], gamma);
  importer.keep(`${name}.bias`, [channels], beta);
  importer.keep(`${name}.running_mean`, [channels], mean);
  importer.keep(`${name}.running_var`, [channels], variance);
}

export function batchNormalization(context: NodeContext): Known {
  const pending = context.pending();
  if (pending?.layer !== 'convolution' || pending.batchNorm || pending.activation !== 'none') {
    throw context.fault('not behind a convolution');
  }
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((index) => context.needed(index));
  const channels = context.output().shape[1]!;
  for (const values of [gamma!, beta!, mean!, variance!]) {
    if (values.values.length !== channels)
      throw context.fault(`${values.values.length} values for ${channels} channels`);
  }
  pending.batchNorm = {
    ...{ gamma: gamma!, beta: beta!, mean: mean!, variance: variance! },
    name: moduleOfParameter(context.node.inputs[1]!) ?? moduleOfNode(context.node.name),
    epsilon: context.number('epsilon', 1e-5),
  };
  return context.output();
}
