/** The linear layer: a chunk is a row of the result. */
import { dimension } from '../../../graph/tensor.js';
import { operand, result } from '../../operands.js';
import type { Lowering } from '../lowered.js';

export const lowerLinear: Lowering<'linear'> = (node, context) => {
  const x = operand(node, 0);
  const w = operand(node, 1);
  const args = {
    x: context.address(x),
    w: context.address(w),
    b: context.address(operand(node, 2)),
    y: context.address(result(node, 0)),
    inputs: dimension(w, 0),
    outputs: dimension(w, 1),
  };
  return [{ kernel: 'linear', chunks: dimension(x, 0), args }];
};

export const lowerLinearInputGradient: Lowering<'linearInputGradient'> = (node, context) => {
  const dy = operand(node, 0);
  const w = operand(node, 1);
  const args = {
    dy: context.address(dy),
    w: context.address(w),
    dx: context.address(result(node, 0)),
    inputs: dimension(w, 0),
    outputs: dimension(w, 1),
  };
  return [{ kernel: 'linearInputGradient', chunks: dimension(dy, 0), args }];
};

export const lowerLinearWeightGradient: Lowering<'linearWeightGradient'> = (node, context) => {
  const x = operand(node, 0);
  const dy = operand(node, 1);
  const inputs = dimension(x, 1);
  const args = {
    x: context.address(x),
    dy: context.address(dy),
    dw: context.address(result(node, 0)),
    db: context.address(result(node, 1)),
    batch: dimension(x, 0),
    inputs,
    outputs: dimension(dy, 1),
  };
  return [{ kernel: 'linearWeightGradient', chunks: inputs + 1, args }];
};
