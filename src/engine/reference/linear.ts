/** The fully connected layer y = x·w + b and its gradients. */

import { dimension } from '../../graph/tensor.js';
import { operand, result } from '../operands.js';
import type { Kernel } from './kernel.js';

export const linear: Kernel<'linear'> = (node, memory) => {
  const x = memory.floats(operand(node, 0));
  const w = memory.floats(operand(node, 1));
  const b = memory.floats(operand(node, 2));
  const y = memory.floats(result(node, 0));
  const batch = dimension(operand(node, 0), 0);
  const inputs = dimension(operand(node, 1), 0);
  const outputs = dimension(operand(node, 1), 1);
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outputs; o++) {
      let sum = b[o]!;
      for (let i = 0; i < inputs; i++) sum += x[n * inputs + i]! * w[i * outputs + o]!;
      y[n * outputs + o] = sum;
    }
  }
};

export const linearInputGradient: Kernel<'linearInputGradient'> = (node, memory) => {
  const dy = memory.floats(operand(node, 0));
  const w = memory.floats(operand(node, 1));
  const dx = memory.floats(result(node, 0));
  const batch = dimension(operand(node, 0), 0);
  const inputs = dimension(operand(node, 1), 0);
  const outputs = dimension(operand(node, 1), 1);
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < inputs; i++) {
      let sum = 0;
      for (let o = 0; o < outputs; o++) sum += dy[n * outputs + o]! * w[i * outputs + o]!;
      dx[n * inputs + i] = sum;
    }
  }
};

export const linearWeightGradient: Kernel<'linearWeightGradient'> = (node, memory) => {
  const x = memory.floats(operand(node, 0));
  const dy = memory.floats(operand(node, 1));
  const dw = memory.floats(result(node, 0)).fill(0);
  const db = memory.floats(result(node, 1)).fill(0);
  const batch = dimension(operand(node, 0), 0);
  const inputs = dimension(operand(node, 0), 1);
  const outputs = dimension(operand(node, 1), 1);
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outputs; o++) {
      const g = dy[n * outputs + o]!;
      db[o]! += g;
      for (let i = 0; i < inputs; i++) dw[i * outputs + o]! += x[n * inputs + i]! * g;
    }
  }
};
