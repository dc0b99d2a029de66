/**
 * The linear layer, a few percent of the time of any network here: one invocation for each result; neighbours read
 * neighbours.
 */

import { dimension } from '../../../graph/tensor.js';
import { elementwiseMain, kernelSource, linearDispatch, tensorOperand } from '../kernel.js';
import { lanesFor, wideIf } from '../lanes.js';
import type { Lowering } from '../lowering.js';

export const linear: Lowering<'linear'> = (node, placement) => {
  const { x, w, b } = node.operands;
  const { y } = node.results;
  const [batch, inputs, outputs] = [dimension(x, 0), dimension(w, 0), dimension(w, 1)];
  const { operands, finish } = kernelSource({
    x: tensorOperand(placement, x, 'read'),
    w: tensorOperand(placement, w, 'read'),
    b: tensorOperand(placement, b, 'read'),
    y: tensorOperand(placement, y, 'write'),
  });
  const body = elementwiseMain(
    batch * outputs,
    `let n = i / ${outputs}u;
  let o = i % ${outputs}u;
  var sum = ${operands.b.load('o')};
  for (var k = 0u; k < ${inputs}u; k++) {
    sum += ${operands.x.load(`n * ${inputs}u + k`)} * ${operands.w.load(`k * ${outputs}u + o`)};
  }
  ${operands.y.store('i', 'sum')}`,
  );
  return [finish(`linear ${y.name}`, linearDispatch(batch * outputs), body)];
};

export const linearInputGradient: Lowering<'linearInputGradient'> = (node, placement) => {
  const { dy, w } = node.operands;
  const { dx } = node.results;
  const [batch, inputs, outputs] = [dimension(dy, 0), dimension(w, 0), dimension(w, 1)];
  const lanes = lanesFor(outputs);
  const { operands, finish } = kernelSource(
    {
      dy: tensorOperand(placement, dy, 'read'),
      w: tensorOperand(placement, w, 'read'),
      dx: tensorOperand(placement, dx, 'write'),
    },
    wideIf(lanes, ['dy', 'w']),
  );
  const perRow = outputs / lanes.width;
  const products = [...Array(lanes.width).keys()].map((j) =>
    lanes.width === 1 ? 'sum += g * weight;' : `sum += g[${j}] * weight[${j}];`,
  );
  const body = elementwiseMain(
    batch * inputs,
    `let n = i / ${inputs}u;
  let k = i % ${inputs}u;
  var sum = 0.0;
  for (var o = 0u; o < ${perRow}u; o++) {
    let g = ${lanes.load(operands.dy, `n * ${perRow}u + o`)};
    let weight = ${lanes.load(operands.w, `k * ${perRow}u + o`)};
    ${products.join(' ')}
  }
  ${operands.dx.store('i', 'sum')}`,
  );
  return [finish(`linearInputGradient ${dx.name}`, linearDispatch(batch * inputs), body)];
};

/** The bias is another row of the weights, whose input is always 1. */
export const linearWeightGradient: Lowering<'linearWeightGradient'> = (node, placement) => {
  const { x, dy } = node.operands;
  const { dw, db } = node.results;
  const [batch, inputs, outputs] = [dimension(x, 0), dimension(x, 1), dimension(dy, 1)];
  const { operands, finish } = kernelSource({
    x: tensorOperand(placement, x, 'read'),
    dy: tensorOperand(placement, dy, 'read'),
    dw: tensorOperand(placement, dw, 'write'),
    db: tensorOperand(placement, db, 'write'),
  });
  const count = (inputs + 1) * outputs;
  const sum = (input: string) => `for (var n = 0u; n < ${batch}u; n++) {
      sum += ${input}${operands.dy.load(`n * ${outputs}u + o`)};
    }`;
  const body = elementwiseMain(
    count,
    `let k = i / ${outputs}u;
  let o = i % ${outputs}u;
  var sum = 0.0;
  if (k < ${inputs}u) {
    ${sum(`${operands.x.load(`n * ${inputs}u + k`)} * `)}
    ${operands.dw.store('i', 'sum')}
  } else {
    ${sum('')}
    ${operands.db.store('o', 'sum')}
  }`,
  );
  return [finish(`linearWeightGradient ${dw.name}`, linearDispatch(count), body)];
};
