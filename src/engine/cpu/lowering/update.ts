/** What ends a step: the parameters' update on all workers; quantizer table and metrics, a few dozen numbers, on one. */
import { elementCount } from '../../../graph/tensor.js';
import { CONTROL } from '../../../ops/attributes.js';
import { operand, optionalOperand, result } from '../../operands.js';
import { prepareQuantizers, quantizerUpdate } from '../../quantizerTable.js';
import { recordMetrics } from '../../recordMetrics.js';
import type { Lowering } from '../lowered.js';
import { elementArguments, elementChunks } from './chunks.js';

export const lowerParameterUpdate: Lowering<'parameterUpdate'> = (node, context) => {
  const { solver, weightDecay, learningRateFactor = 1 } = node.attributes;
  const parameters = operand(node, 0);
  const elements = elementCount(parameters.shape);
  const chunks = elementChunks(elements);
  const args = {
    ...elementArguments(elements),
    parameters: context.address(parameters),
    gradients: context.address(operand(node, 1)),
    learningRate: context.address(operand(node, 4)) + 4 * CONTROL.learningRate,
    learningRateFactor: { float: learningRateFactor },
    weightDecay: { float: weightDecay },
  };
  const firstMoment = context.address(operand(node, 2));
  switch (solver.type) {
    case 'momentum': {
      const nesterov = solver.nesterov ? 1 : 0;
      const own = { velocity: firstMoment, momentum: { float: solver.momentum }, nesterov };
      return [{ kernel: 'momentumUpdate', chunks, args: { ...args, ...own } }];
    }
    case 'adam': {
      const [beta1, beta2, epsilon] = [{ float: solver.beta1 }, { float: solver.beta2 }, { float: solver.epsilon }];
      const moments = { firstMoment, secondMoment: context.address(operand(node, 3)) };
      return [{ kernel: 'adamUpdate', chunks, args: { ...args, ...moments, beta1, beta2, epsilon } }];
    }
    default:
      return solver satisfies never;
  }
};

export const lowerMovingAverage: Lowering<'movingAverage'> = (node, context) => {
  const values = operand(node, 0);
  const elements = elementCount(values.shape);
  const args = {
    ...elementArguments(elements),
    values: context.address(values),
    average: context.address(operand(node, 1)),
    weight: context.address(operand(node, 2)) + 4 * CONTROL.averageWeight,
  };
  return [{ kernel: 'movingAverage', chunks: elementChunks(elements), args }];
};

export const lowerPrepareQuantizers: Lowering<'prepareQuantizers'> = (node, context) => {
  const table = context.floats(operand(node, 0));
  const ranges = context.floats(result(node, 0));
  return [{ host: () => prepareQuantizers(node.attributes.rows, table, ranges) }];
};

export const lowerQuantizerUpdate: Lowering<'quantizerUpdate'> = (node, context) => {
  const secondMoment = optionalOperand(node, 3);
  const bitCaps = optionalOperand(node, 5);
  const update = {
    table: context.floats(operand(node, 0)),
    sums: context.floats(operand(node, 1)),
    velocity: context.floats(operand(node, 2)),
    secondMoment: secondMoment && context.floats(secondMoment),
    control: context.floats(operand(node, 4)),
    bitCaps: bitCaps && context.floats(bitCaps),
    gradients: context.floats(result(node, 0)),
    limited: context.floats(result(node, 1)),
    penalties: context.floats(result(node, 2)),
  };
  return [{ host: () => quantizerUpdate(node.attributes, update) }];
};

export const lowerRecordMetrics: Lowering<'recordMetrics'> = (node, context) => {
  const loss = context.floats(operand(node, 0));
  const penalties = context.floats(operand(node, 1));
  const statistics = context.floats(operand(node, 2));
  const metrics = context.floats(result(node, 0));
  return [{ host: () => recordMetrics(node.attributes, loss, penalties, statistics, metrics) }];
};
