/** What ends a step: the parameters' update on all workers; quantizer table and metrics, a few dozen numbers, on one. */
import { elementCount } from '../../../graph/tensor.js';
import { CONTROL } from '../../../ops/attributes.js';
import { operand, optionalOperand, result } from '../../operands.js';
import { prepareQuantizers, quantizerUpdate } from '../../quantizerTable.js';
import { recordMetrics } from '../../recordMetrics.js';
import type { Argument, Lowering } from '../lowered.js';
import { CHUNK_ELEMENTS, elementChunks } from './chunks.js';

export const lowerParameterUpdate: Lowering<'parameterUpdate'> = (node, context) => {
  const { solver, weightDecay } = node.attributes;
  const parameters = operand(node, 0);
  const elements = elementCount(parameters.shape);
  const chunks = elementChunks(elements);
  const args: Argument[] = [
    ...[parameters, operand(node, 1), operand(node, 2)].map(context.address),
    context.address(operand(node, 4)) + 4 * CONTROL.learningRate,
    elements,
    CHUNK_ELEMENTS,
    { float: weightDecay },
  ];
  switch (solver.type) {
    case 'momentum':
      args.push({ float: solver.momentum }, solver.nesterov ? 1 : 0);
      return [{ kernel: 'momentumUpdate', chunks, args }];
    case 'adam': {
      const constants = [solver.beta1, solver.beta2, solver.epsilon].map((float) => ({ float }));
      const secondMoment = context.address(operand(node, 3));
      return [{ kernel: 'adamUpdate', chunks, args: [...args, ...constants, secondMoment] }];
    }
    default:
      return solver satisfies never;
  }
};

export const lowerMovingAverage: Lowering<'movingAverage'> = (node, context) => {
  const values = operand(node, 0);
  const elements = elementCount(values.shape);
  const addresses = [values, operand(node, 1)].map(context.address);
  const weight = context.address(operand(node, 2)) + 4 * CONTROL.averageWeight;
  const args = [...addresses, weight, elements, CHUNK_ELEMENTS];
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
