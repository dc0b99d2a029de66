/**
 * The end of a step: the parameters' update on all workers; quantizer table and metrics, a few dozen numbers, on one.
 */
import { elementCount } from '../../../graph/tensor.js';
import { CONTROL } from '../../../ops/attributes.js';
import * as table from '../../../ops/quantizerTable.js';
import * as metrics from '../../../ops/recordMetrics.js';
import type { Lowering } from '../lowered.js';
import { elementArguments, elementChunks } from './chunks.js';

export const parameterUpdate: Lowering<'parameterUpdate'> = (node, context) => {
  const { solver, weightDecay, learningRateFactor = 1 } = node.attributes;
  const { parameters } = node.operands;
  const elements = elementCount(parameters.shape);
  const chunks = elementChunks(elements);
  const args = {
    ...elementArguments(elements),
    parameters: context.address(parameters),
    gradients: context.address(node.operands.gradients),
    learningRate: context.address(node.operands.control) + 4 * CONTROL.learningRate,
    learningRateFactor: { float: learningRateFactor },
    weightDecay: { float: weightDecay },
  };
  const firstMoment = context.address(node.operands.velocity);
  switch (solver.type) {
    case 'momentum': {
      const nesterov = solver.nesterov ? 1 : 0;
      const own = { velocity: firstMoment, momentum: { float: solver.momentum }, nesterov };
      return [{ kernel: 'momentumUpdate', chunks, args: { ...args, ...own } }];
    }
    case 'adam': {
      const [beta1, beta2, epsilon] = [{ float: solver.beta1 }, { float: solver.beta2 }, { float: solver.epsilon }];
      const moments = { firstMoment, secondMoment: context.address(node.operands.secondMoment!) };
      return [{ kernel: 'adamUpdate', chunks, args: { ...args, ...moments, beta1, beta2, epsilon } }];
    }
    default:
      return solver satisfies never;
  }
};

export const movingAverage: Lowering<'movingAverage'> = (node, context) => {
  const { values } = node.operands;
  const elements = elementCount(values.shape);
  const args = {
    ...elementArguments(elements),
    values: context.address(values),
    average: context.address(node.operands.average),
    weight: context.address(node.operands.control) + 4 * CONTROL.averageWeight,
  };
  return [{ kernel: 'movingAverage', chunks: elementChunks(elements), args }];
};

export const prepareQuantizers: Lowering<'prepareQuantizers'> = (node, context) => {
  const values = context.floats(node.operands.table);
  const ranges = context.floats(node.results.ranges);
  return [{ host: () => table.prepareQuantizers(node.attributes.rows, values, ranges) }];
};

export const quantizerUpdate: Lowering<'quantizerUpdate'> = (node, context) => {
  const { secondMoment, bitCaps, keptShares } = node.operands;
  const update = {
    table: context.floats(node.operands.table),
    sums: context.floats(node.operands.sums),
    velocity: context.floats(node.operands.velocity),
    secondMoment: secondMoment && context.floats(secondMoment),
    control: context.floats(node.operands.control),
    bitCaps: bitCaps && context.floats(bitCaps),
    keptShares: keptShares && context.floats(keptShares),
    gradients: context.floats(node.results.gradients),
    limited: context.floats(node.results.limited),
    penalties: context.floats(node.results.penalties),
  };
  return [{ host: () => table.quantizerUpdate(node.attributes, update) }];
};

export const recordMetrics: Lowering<'recordMetrics'> = (node, context) => {
  const loss = context.floats(node.operands.loss);
  const penalties = context.floats(node.operands.penalties);
  const statistics = context.floats(node.operands.statistics);
  const sums = context.floats(node.results.metrics);
  return [{ host: () => metrics.recordMetrics(node.attributes, loss, penalties, statistics, sums) }];
};
