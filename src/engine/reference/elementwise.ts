/** Addition, and multiplication of a tensor by one learned number. */

import { operand, result } from '../operands.js';
import type { Kernel } from './kernel.js';

export const add: Kernel<'add'> = (node, memory) => {
  const a = memory.floats(operand(node, 0));
  const b = memory.floats(operand(node, 1));
  const sum = memory.floats(result(node, 0));
  for (let i = 0; i < sum.length; i++) sum[i] = a[i]! + b[i]!;
};

export const scale: Kernel<'scale'> = (node, memory) => {
  const x = memory.floats(operand(node, 0));
  const factor = memory.floats(operand(node, 1))[0]!;
  const y = memory.floats(result(node, 0));
  for (let i = 0; i < y.length; i++) y[i] = x[i]! * factor;
};

export const scaleGradient: Kernel<'scaleGradient'> = (node, memory) => {
  const x = memory.floats(operand(node, 0));
  const factor = memory.floats(operand(node, 1))[0]!;
  const dy = memory.floats(operand(node, 2));
  const dx = memory.floats(result(node, 0));
  let sum = 0;
  for (let i = 0; i < dx.length; i++) {
    const g = dy[i]!;
    sum += g * x[i]!;
    dx[i] = g * factor;
  }
  memory.floats(result(node, 1))[0] = sum;
};
