/** Softmax cross-entropy: a chunk is an image. */
import { dimension } from '../../../graph/tensor.js';
import { operand, result } from '../../operands.js';
import type { Lowering } from '../lowered.js';

export const lowerSoftmaxCrossEntropy: Lowering<'softmaxCrossEntropy'> = (node, context) => {
  const logits = operand(node, 0);
  const images = dimension(logits, 0);
  const ofImages = context.scratch(images * 16);
  const args = {
    logits: context.address(logits),
    labels: context.address(operand(node, 1)),
    classes: dimension(logits, 1),
    ofImages,
    smoothing: { float: node.attributes.smoothing ?? 0 },
  };
  return [
    { kernel: 'softmaxCrossEntropy', chunks: images, args },
    {
      kernel: 'softmaxCrossEntropyFinish',
      chunks: 1,
      args: { ofImages, images, result: context.address(result(node, 0)) },
    },
  ];
};

export const lowerSoftmaxCrossEntropyGradient: Lowering<'softmaxCrossEntropyGradient'> = (node, context) => {
  const logits = operand(node, 0);
  const images = dimension(logits, 0);
  const args = {
    logits: context.address(logits),
    labels: context.address(operand(node, 1)),
    gradient: context.address(result(node, 0)),
    classes: dimension(logits, 1),
    images,
    smoothing: { float: node.attributes.smoothing ?? 0 },
  };
  return [{ kernel: 'softmaxCrossEntropyGradient', chunks: images, args }];
};
