/** The linear layer: a chunk is a row of the result. */
import { dimension } from '../../../graph/tensor.js';
import { operand, result } from '../../operands.js';
import type { Lowering } from '../lowered.js';

export const lowerLinear: Lowering<'linear'> = (node, context) => {
  const x = operand(node, 0);
  const w = operand(node, 1);
  const addresses = [x, w, operand(node, 2), result(node, 0)].map(context.address);
  return [{ kernel: 'linear', chunks: dimension(x, 0), args: [...addresses, dimension(w, 0), dimension(w, 1)] }];
};

export const lowerLinearInputGradient: Lowering<'linearInputGradient'> = (node, context) => {
  const dy = operand(node, 0);
  const w = operand(node, 1);
  const args = [...[dy, w, result(node, 0)].map(context.address), dimension(w, 0), dimension(w, 1)];
  return [{ kernel: 'linearInputGradient', chunks: dimension(dy, 0), args }];
};

export const lowerLinearWeightGradient: Lowering<'linearWeightGradient'> = (node, context) => {
  const x = operand(node, 0);
  const dy = operand(node, 1);
  const inputs = dimension(x, 1);
  const addresses = [x, dy, result(node, 0), result(node, 1)].map(context.address);
  const args = [...addresses, dimension(x, 0), inputs, dimension(dy, 1)];
  return [{ kernel: 'linearWeightGradient', chunks: inputs + 1, args }];
};
