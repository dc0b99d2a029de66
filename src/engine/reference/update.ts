/** What ends a training step: the solver's update of parameters and quantizer table, moving averages, and the metrics. */

import { CONTROL } from '../../ops/attributes.js';
import { operand, optionalOperand, result } from '../operands.js';
import * as table from '../quantizerTable.js';
import * as metrics from '../recordMetrics.js';
import { solverStep } from '../solver.js';
import type { Kernel } from './kernel.js';

export const prepareQuantizers: Kernel<'prepareQuantizers'> = (node, memory) => {
  table.prepareQuantizers(node.attributes.rows, memory.floats(operand(node, 0)), memory.floats(result(node, 0)));
};

export const parameterUpdate: Kernel<'parameterUpdate'> = (node, memory) => {
  const parameters = memory.floats(operand(node, 0));
  const gradients = memory.floats(operand(node, 1));
  const secondMoment = optionalOperand(node, 3);
  const state = {
    velocity: memory.floats(operand(node, 2)),
    secondMoment: secondMoment && memory.floats(secondMoment),
  };
  const { solver, weightDecay, learningRateFactor = 1 } = node.attributes;
  const learningRate = learningRateFactor * memory.floats(operand(node, 4))[CONTROL.learningRate]!;
  for (let i = 0; i < parameters.length; i++) {
    const gradient = gradients[i]! + weightDecay * parameters[i]!;
    parameters[i]! -= solverStep(solver, learningRate, gradient, i, state);
  }
};

export const movingAverage: Kernel<'movingAverage'> = (node, memory) => {
  const values = memory.floats(operand(node, 0));
  const average = memory.floats(operand(node, 1));
  const weight = memory.floats(operand(node, 2))[CONTROL.averageWeight]!;
  for (let i = 0; i < average.length; i++) average[i]! += weight * (values[i]! - average[i]!);
};

export const quantizerUpdate: Kernel<'quantizerUpdate'> = (node, memory) => {
  const secondMoment = optionalOperand(node, 3);
  const bitCaps = optionalOperand(node, 5);
  table.quantizerUpdate(node.attributes, {
    table: memory.floats(operand(node, 0)),
    sums: memory.floats(operand(node, 1)),
    velocity: memory.floats(operand(node, 2)),
    secondMoment: secondMoment && memory.floats(secondMoment),
    control: memory.floats(operand(node, 4)),
    bitCaps: bitCaps && memory.floats(bitCaps),
    gradients: memory.floats(result(node, 0)),
    limited: memory.floats(result(node, 1)),
    penalties: memory.floats(result(node, 2)),
  });
};

export const recordMetrics: Kernel<'recordMetrics'> = (node, memory) => {
  metrics.recordMetrics(
    node.attributes,
    memory.floats(operand(node, 0)),
    memory.floats(operand(node, 1)),
    memory.floats(operand(node, 2)),
    memory.floats(result(node, 0)),
  );
};
