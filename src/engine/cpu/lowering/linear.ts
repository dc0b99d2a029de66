/** The linear layer: a chunk is a row of the result. */
import { dimension } from '../../../graph/tensor.js';
import type { Lowering } from '../lowered.js';

export const linear: Lowering<'linear'> = (node, context) => {
  const { x, w } = node.operands;
  const args = {
    x: context.address(x),
    w: context.address(w),
    b: context.address(node.operands.b),
    y: context.address(node.results.y),
    inputs: dimension(w, 0),
    outputs: dimension(w, 1),
  };
  return [{ kernel: 'linear', chunks: dimension(x, 0), args }];
};

export const linearInputGradient: Lowering<'linearInputGradient'> = (node, context) => {
  const { dy, w } = node.operands;
  const args = {
    dy: context.address(dy),
    w: context.address(w),
    dx: context.address(node.results.dx),
    inputs: dimension(w, 0),
    outputs: dimension(w, 1),
  };
  return [{ kernel: 'linearInputGradient', chunks: dimension(dy, 0), args }];
};

export const linearWeightGradient: Lowering<'linearWeightGradient'> = (node, context) => {
  const { x, dy } = node.operands;
  const inputs = dimension(x, 1);
  const args = {
    x: context.address(x),
    dy: context.address(dy),
    dw: context.address(node.results.dw),
    db: context.address(node.results.db),
    batch: dimension(x, 0),
    inputs,
    outputs: dimension(dy, 1),
  };
  return [{ kernel: 'linearWeightGradient', chunks: inputs + 1, args }];
};
