/** Convolutions, dense, grouped and depthwise. */

import type { Value } from '../nn/index.js';
import { type SizedWindowOptions, slidingWindow, windowOf } from '../ops/window.js';
import { keepBatchNorm } from './batchNorm.js';
import { fullyConnected } from './linear.js';
import { type NodeContext, sidesOfPads } from './nodeContext.js';
import { imageOf, type Known, newPending, type Output, type Pending, waiting } from './outputs.js';

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
  if (inputs! * groups !== channels || outputs! % groups !== 0) {
    throw context.fault(`${groups} groups of ${channels} channels and weights [${weight.shape}]`);
  }
  const isPixel = [...kernel, ...x.shape.slice(2)].every((size) => size === 1);
  if (isPixel && groups === 1 && x.value().shape.length === 1) {
    return fullyConnected(context, x, { ...weight, shape: [outputs!, inputs!] }, context.bias(2, outputs!));
  }
  const window = context.window(kernel, x.shape.slice(2), x.padding);
  const name = context.name(node.inputs[1], isDepthwise ? 'depthwise' : 'conv');
  const make = ({ activation, batchNorm, bias }: Pending): Value => {
    const value = imageOf(context, x);
    const norm = importer.free(batchNorm?.name ?? `${name}.bn`);
    const options = { name, ...window, activation, batchNorm: norm };
    const y = isDepthwise
      ? n.depthwise(value, options)
      : n.conv(value, outputs!, { ...options, ...(groups > 1 && { groups }) });
    const size = kernel.length === 1 ? [1, ...kernel] : kernel;
    importer.keep(`${name}.weight`, [outputs!, inputs!, ...size], weight.values);
    keepBatchNorm(importer, norm, outputs!, batchNorm, bias);
    return y;
  };
  const pending = newPending('convolution', context.bias(2, outputs!));
  return waiting([1, outputs!, ...windows(x, kernel, window)], pending, make);
}

/** Number of windows along each axis of an image, or of a signal. */
function windows({ shape, padding }: Output, kernel: readonly number[], options: SizedWindowOptions): number[] {
  const [rows, columns] = shape.length === 3 ? [1, shape[2]!] : [shape[2]!, shape[3]!];
  const { top, bottom, left, right } = padding ?? sidesOfPads([0, 0]);
  const [H, W] = [rows - top - bottom, columns - left - right];
  const [K, L] = kernel.length === 1 ? [1, kernel[0]!] : [kernel[0]!, kernel[1]!];
  const { Y, X } = slidingWindow.sizes({ H, W, K, L }, windowOf(options, [1, H, W], [K, L]));
  return shape.length === 3 ? [X] : [Y, X];
}
