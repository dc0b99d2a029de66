/** Losses: a chunk is a row of outputs, that of an image or of a pixel. */
import { channelsOf, dimension, elementCount, type Tensor } from '../../../graph/tensor.js';
import type { Distillation } from '../../../ops/softmaxCrossEntropy.js';
import type { Argument, LoweredCall, Lowering, LoweringContext } from '../lowered.js';

export const softmaxCrossEntropy: Lowering<'softmaxCrossEntropy'> = (node, context) => {
  const { logits, labels, teacher } = node.operands;
  const args = {
    logits: context.address(logits),
    labels: context.address(labels),
    classes: channelsOf(logits),
  };
  const smoothing = { float: node.attributes.smoothing ?? 0 };
  return meanOf(context, 'softmaxCrossEntropy', elementCount(labels.shape), node.results.loss, (ofRows) => ({
    ...args,
    ...{ ofRows, smoothing },
    ...teaching(context, teacher, node.attributes.distillation),
  }));
};

/** The kernel's arguments for a teacher's logits, zeros without a teacher. */
function teaching(context: LoweringContext, teacher: Tensor | null, distillation: Distillation | undefined) {
  const { temperature, weight } = distillation ?? { temperature: 1, weight: 0 };
  return {
    teacher: teacher ? context.address(teacher) : 0,
    temperature: { float: temperature },
    weight: { float: weight },
  };
}

export const softmaxCrossEntropyGradient: Lowering<'softmaxCrossEntropyGradient'> = (node, context) => {
  const { logits, labels, teacher } = node.operands;
  const rows = elementCount(labels.shape);
  const args = {
    logits: context.address(logits),
    labels: context.address(labels),
    gradient: context.address(node.results.dlogits),
    classes: channelsOf(logits),
    rows,
    smoothing: { float: node.attributes.smoothing ?? 0 },
    ...teaching(context, teacher, node.attributes.distillation),
  };
  return [{ kernel: 'softmaxCrossEntropyGradient', chunks: rows, args }];
};

const elementKernels = { values: 'squaredError', labels: 'binaryCrossEntropy' } as const;

export const elementLoss: Lowering<'elementLoss'> = (node, context) => {
  const { outputs, targets, labels } = node.operands;
  const rows = dimension(outputs, 0);
  const args = {
    outputs: context.address(outputs),
    targets: context.address(targets),
    labels: context.address(labels),
  };
  const length = elementCount(outputs.shape) / rows;
  return meanOf(context, elementKernels[node.attributes.kind], rows, node.results.loss, (ofRows) => ({
    ...args,
    ...{ ofRows, length },
  }));
};

export const elementLossGradient: Lowering<'elementLossGradient'> = (node, context) => {
  const { outputs, targets, labels } = node.operands;
  const rows = dimension(outputs, 0);
  const all = elementCount(outputs.shape);
  const args = {
    outputs: context.address(outputs),
    targets: context.address(targets),
    labels: context.address(labels),
    gradient: context.address(node.results.doutputs),
    ...{ length: all / rows, all },
  };
  return [{ kernel: `${elementKernels[node.attributes.kind]}Gradient`, chunks: rows, args }];
};

/** The calls of a kernel that gives two numbers a row, and of their mean. */
function meanOf(
  context: LoweringContext,
  kernel: string,
  rows: number,
  loss: Tensor,
  args: (ofRows: number) => Readonly<Record<string, Argument>>,
): LoweredCall[] {
  const ofRows = context.scratch(rows * 16);
  return [
    { kernel, chunks: rows, args: args(ofRows) },
    { kernel: 'lossFinish', chunks: 1, args: { ofRows, rows, result: context.address(loss) } },
  ];
}
