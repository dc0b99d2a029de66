/** Pooling and subsampling: a chunk is an image. */
import { nhwc } from '../../../graph/tensor.js';
import { operand, optionalResult, result } from '../../operands.js';
import type { Lowering } from '../lowered.js';

export const lowerGlobalAveragePool: Lowering<'globalAveragePool'> = (node, context) => {
  const x = operand(node, 0);
  const [batch, height, width, channels] = nhwc(x);
  const args = [context.address(x), context.address(result(node, 0)), height * width, channels];
  return [{ kernel: 'globalAveragePool', chunks: batch, args }];
};

export const lowerGlobalAveragePoolGradient: Lowering<'globalAveragePoolGradient'> = (node, context) => {
  const dx = result(node, 0);
  const [batch, height, width, channels] = nhwc(dx);
  const args = [context.address(operand(node, 0)), context.address(dx), height * width, channels];
  return [{ kernel: 'globalAveragePoolGradient', chunks: batch, args }];
};

export const lowerMaxPool: Lowering<'maxPool'> = (node, context) => {
  const { size, stride, padding } = node.attributes;
  const x = operand(node, 0);
  const y = result(node, 0);
  const argmax = optionalResult(node, 1);
  const [batch, height, width, channels] = nhwc(x);
  const [, outHeight, outWidth] = nhwc(y);
  const shape = [height, width, channels, outHeight, outWidth, size, stride, padding];
  const addresses = [context.address(x), context.address(y), argmax ? context.address(argmax) : 0];
  return [{ kernel: 'maxPool', chunks: batch, args: [...addresses, ...shape] }];
};

export const lowerMaxPoolGradient: Lowering<'maxPoolGradient'> = (node, context) => {
  const { size, stride, padding } = node.attributes;
  const dy = operand(node, 1);
  const dx = result(node, 0);
  const [batch, height, width, channels] = nhwc(dx);
  const [, outHeight, outWidth] = nhwc(dy);
  const shape = [height, width, channels, outHeight, outWidth, size, stride, padding];
  const addresses = [operand(node, 0), dy, dx].map(context.address);
  return [{ kernel: 'maxPoolGradient', chunks: batch, args: [...addresses, ...shape] }];
};

export const lowerSubsample: Lowering<'subsample'> = (node, context) => {
  const x = operand(node, 0);
  const y = result(node, 0);
  const [batch, height, width, channels] = nhwc(x);
  const [, outHeight, outWidth, outChannels] = nhwc(y);
  const shape = [height, width, channels, outHeight, outWidth, outChannels, node.attributes.stride];
  return [{ kernel: 'subsample', chunks: batch, args: [context.address(x), context.address(y), ...shape] }];
};

export const lowerSubsampleGradient: Lowering<'subsampleGradient'> = (node, context) => {
  const dy = operand(node, 0);
  const dx = result(node, 0);
  const [batch, height, width, channels] = nhwc(dx);
  const [, outHeight, outWidth, outChannels] = nhwc(dy);
  const shape = [height, width, channels, outHeight, outWidth, outChannels, node.attributes.stride];
  return [{ kernel: 'subsampleGradient', chunks: batch, args: [context.address(dy), context.address(dx), ...shape] }];
};
