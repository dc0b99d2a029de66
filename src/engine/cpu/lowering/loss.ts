/** Softmax cross-entropy: a chunk is an image. */
import { dimension } from '../../../graph/tensor.js';
import type { Lowering } from '../lowered.js';

export const softmaxCrossEntropy: Lowering<'softmaxCrossEntropy'> = (node, context) => {
  const { logits } = node.operands;
  const images = dimension(logits, 0);
  const ofImages = context.scratch(images * 16);
  const args = {
    logits: context.address(logits),
    labels: context.address(node.operands.labels),
    classes: dimension(logits, 1),
    ofImages,
    smoothing: { float: node.attributes.smoothing ?? 0 },
  };
  return [
    { kernel: 'softmaxCrossEntropy', chunks: images, args },
    {
      kernel: 'softmaxCrossEntropyFinish',
      chunks: 1,
      args: { ofImages, images, result: context.address(node.results.loss) },
    },
  ];
};

export const softmaxCrossEntropyGradient: Lowering<'softmaxCrossEntropyGradient'> = (node, context) => {
  const { logits } = node.operands;
  const images = dimension(logits, 0);
  const args = {
    logits: context.address(logits),
    labels: context.address(node.operands.labels),
    gradient: context.address(node.results.dlogits),
    classes: dimension(logits, 1),
    images,
    smoothing: { float: node.attributes.smoothing ?? 0 },
  };
  return [{ kernel: 'softmaxCrossEntropyGradient', chunks: images, args }];
};
