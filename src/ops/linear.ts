/** The classifier: a fully connected layer with bias, y = x·w + b. */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { NoAttributes } from './attributes.js';
import type { Definition, Operation } from './definition.js';
import { resultShapes } from './shapes.js';
import { gradientLike } from './tensors.js';

const signature = { operands: { x: '[B,I]', w: '[I,O]', b: '[O]' }, results: { y: '[B,O]' } } as const;

export type Linear = Operation<typeof signature, NoAttributes>;

export const linearDefinition: Definition<Linear> = {
  op: 'linear',
  ...signature,
  gradient: (graph, { operands: { x, w, b } }, { y: dy }) => {
    if (!dy) return {};
    const [dw, db, dx] = [gradientLike(graph, w), gradientLike(graph, b), gradientLike(graph, x)];
    graph.append('linearWeightGradient', { x, dy }, { dw, db }, {});
    graph.append('linearInputGradient', { dy, w }, { dx }, {});
    return { x: dx, w: dw, b: db };
  },
  product: ['y', 'w'],
  onTheWay: false,
  values: 'new',
  compute: ({ x, w, b }, { y }, _attributes, { B, I, O }) => {
    for (let n = 0; n < B; n++) {
      for (let o = 0; o < O; o++) {
        let sum = b[o]!;
        for (let i = 0; i < I; i++) sum += x[n * I + i]! * w[i * O + o]!;
        y[n * O + o] = sum;
      }
    }
  },
};

const inputGradientSignature = { operands: { dy: '[B,O]', w: '[I,O]' }, results: { dx: '[B,I]' } } as const;

export type LinearInputGradient = Operation<typeof inputGradientSignature, NoAttributes>;

export const linearInputGradientDefinition: Definition<LinearInputGradient> = {
  op: 'linearInputGradient',
  ...inputGradientSignature,
  gradient: 'none',
  product: ['dy', 'w'],
  compute: ({ dy, w }, { dx }, _attributes, { B, I, O }) => {
    for (let n = 0; n < B; n++) {
      for (let i = 0; i < I; i++) {
        let sum = 0;
        for (let o = 0; o < O; o++) sum += dy[n * O + o]! * w[i * O + o]!;
        dx[n * I + i] = sum;
      }
    }
  },
};

const weightGradientSignature = {
  operands: { x: '[B,I]', dy: '[B,O]' },
  results: { dw: '[I,O]', db: '[O]' },
} as const;

export type LinearWeightGradient = Operation<typeof weightGradientSignature, NoAttributes>;

export const linearWeightGradientDefinition: Definition<LinearWeightGradient> = {
  op: 'linearWeightGradient',
  ...weightGradientSignature,
  gradient: 'none',
  product: ['dy', 'dw'],
  compute: ({ x, dy }, { dw, db }, _attributes, { B, I, O }) => {
    dw.fill(0);
    db.fill(0);
    for (let n = 0; n < B; n++) {
      for (let o = 0; o < O; o++) {
        const g = dy[n * O + o]!;
        db[o]! += g;
        for (let i = 0; i < I; i++) dw[i * O + o]! += x[n * I + i]! * g;
      }
    }
  },
};

/** y = x·w + b for x [B,I], w [I,O], b [O]. */
export function linear(graph: Graph, x: Tensor, w: Tensor, b: Tensor): Tensor {
  const y = graph.tensor(`linear(${w.name})`, resultShapes(linearDefinition, { x, w, b }, {}).y);
  graph.append('linear', { x, w, b }, { y }, {});
  return y;
}
