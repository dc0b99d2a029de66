/** Softmax cross-entropy: a chunk is an image. */
import { dimension } from '../../../graph/tensor.js';
import { operand, result } from '../../operands.js';
import type { Lowering } from '../lowered.js';

export const lowerSoftmaxCrossEntropy: Lowering<'softmaxCrossEntropy'> = (node, context) => {
  const logits = operand(node, 0);
  const images = dimension(logits, 0);
  const ofImages = context.scratch(images * 16);
  const addresses = [logits, operand(node, 1)].map(context.address);
  const args = [...addresses, dimension(logits, 1), ofImages, { float: node.attributes.smoothing ?? 0 }];
  return [
    { kernel: 'softmaxCrossEntropy', chunks: images, args },
    { kernel: 'softmaxCrossEntropyFinish', chunks: 1, args: [ofImages, images, context.address(result(node, 0))] },
  ];
};

export const lowerSoftmaxCrossEntropyGradient: Lowering<'softmaxCrossEntropyGradient'> = (node, context) => {
  const logits = operand(node, 0);
  const images = dimension(logits, 0);
  const addresses = [logits, operand(node, 1), result(node, 0)].map(context.address);
  const args = [...addresses, dimension(logits, 1), images, { float: node.attributes.smoothing ?? 0 }];
  return [{ kernel: 'softmaxCrossEntropyGradient', chunks: images, args }];
};
