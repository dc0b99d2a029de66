/** The linear layer: a chunk is some rows of the result, of y some columns of them. */
import { dimension } from '../../../graph/tensor.js';
import type { Lowering } from '../lowered.js';

/** As in `kernels/linear.ts`. */
const CHUNK_OUTPUTS = 128;

export const linear: Lowering<'linear'> = (node, context) => {
  const { x, w } = node.operands;
  const [batch, outputs] = [dimension(x, 0), dimension(w, 1)];
  const args = {
    x: context.address(x),
    w: context.address(w),
    b: context.address(node.operands.b),
    y: context.address(node.results.y),
    batch,
    inputs: dimension(w, 0),
    outputs,
  };
  return [{ kernel: 'linear', chunks: Math.ceil(batch / 4) * Math.ceil(outputs / CHUNK_OUTPUTS), args }];
};

export const linearInputGradient: Lowering<'linearInputGradient'> = (node, context) => {
  const { dy, w } = node.operands;
  const batch = dimension(dy, 0);
  const args = {
    dy: context.address(dy),
    w: context.address(w),
    dx: context.address(node.results.dx),
    batch,
    inputs: dimension(w, 0),
    outputs: dimension(w, 1),
  };
  return [{ kernel: 'linearInputGradient', chunks: Math.ceil(batch / 2), args }];
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
  return [{ kernel: 'linearWeightGradient', chunks: Math.ceil(inputs / 4) + 1, args }];
};
