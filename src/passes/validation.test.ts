/** Faults of nodes, one a kind: each is refused by the node, the operand, and what would be right. */

import { describe, expect, it } from 'vitest';
import { windowLike } from '../../test/engine/windows.js';
import { elementCount } from '../elementCount.js';
import { InputError } from '../errors.js';
import { Graph, type Operations, type Tensor } from '../graph/index.js';
import { CONTROL_LENGTH } from '../ops/attributes.js';
import { conv2d } from '../ops/convolution.js';
import { maxPool } from '../ops/maxPool.js';
import { makePlan } from './planning.js';

const graph = () => new Graph();
const stored = (g: Graph, name: string, ...shape: number[]): Tensor =>
  g.whole({ name, dtype: 'float', length: elementCount(shape) }, shape);
const window = windowLike({});

/** A graph with one convolution that is right but for what is given. */
function convolution({
  operands = {},
  results = {},
  attributes = window,
}: {
  operands?: Partial<Operations['conv2d']['operands']>;
  results?: Partial<Operations['conv2d']['results']>;
  attributes?: typeof window;
} = {}): Graph {
  const g = graph();
  g.append(
    'conv2d',
    { x: stored(g, 'x', 1, 4, 4, 2), w: stored(g, 'w', 3, 3, 2, 5), ...operands },
    { y: stored(g, 'y', 1, 2, 2, 5), moments: null, ...results },
    attributes,
  );
  return g;
}

const cases: readonly (readonly [name: string, build: () => Graph, fault: string])[] = [
  [
    'a shape of an operand',
    () => convolution({ operands: { w: stored(graph(), 'w', 3, 3, 4, 5) } }),
    'conv2d y: w (w) is float [3,3,4,5], right would be float [K,L,2,O]',
  ],
  [
    'a shape of a result',
    () => convolution({ results: { y: stored(graph(), 'y', 1, 3, 2, 5) } }),
    'conv2d y: the size Y is 3, right would be 2',
  ],
  [
    'a missing operand',
    () => convolution({ operands: { w: null as unknown as Tensor } }),
    'conv2d y: w is missing, right would be [K,L,I,O]',
  ],
  [
    'an operand of another operation',
    () => convolution({ operands: { bias: null } as object }),
    'conv2d y: has no operands bias, but x, w',
  ],
  [
    'a type',
    () => convolution({ operands: { x: graph().whole({ name: 'x', dtype: 'uint8', length: 32 }, [1, 4, 4, 2]) } }),
    'conv2d y: x (x) is uint8 [1,4,4,2], right would be float [B,H,W,I]',
  ],
  ['a stride', () => convolution({ attributes: windowLike({ stride: 0 }) }), 'conv2d y: stride 0, right would be'],
  ['a padding', () => convolution({ attributes: windowLike({ padding: -1 }) }), 'conv2d y: padding -1, right would be'],
  [
    'what nobody has written',
    () => convolution({ operands: { x: graph().tensor('early', [1, 4, 4, 2]) } }),
    'conv2d y: x (early) is read before any node writes it',
  ],
  [
    'a view beyond its storage',
    () => {
      const storage = { name: 'parameters', dtype: 'float', length: 90 } as const;
      return convolution({ operands: { w: graph().tensor('w', [3, 3, 2, 5], { storage, offset: 1 }) } });
    },
    'conv2d y: w (w) takes 1 … 91 of the storage parameters, right would be within 0 … 90',
  ],
  [
    'a place that is written twice',
    () => {
      const g = graph();
      const [x, y] = [stored(g, 'x', 4), stored(g, 'y', 4)];
      for (let i = 0; i < 2; i++) g.append('copy', { x }, { y: { ...y } }, {});
      return g;
    },
    'copy y: y (y) is written over y; right would be a place of its own',
  ],
  [
    'a window that its byte cannot hold',
    () => {
      const g = graph();
      maxPool(g, stored(g, 'x', 1, 20, 20, 1), { size: 17, stride: 1, padding: 0 }, true);
      return g;
    },
    'maxPool max(x): a window of 17×17, right would be at most 256 pixels',
  ],
  [
    'a window that may see nothing but padding',
    () => {
      const g = graph();
      maxPool(g, stored(g, 'x', 1, 4, 4, 1), { size: 2, stride: 1, padding: 2 }, true);
      return g;
    },
    'maxPool max(x): padding 2, which is all that a window of 2 would see, right would be less',
  ],
  [
    'a row beyond the ranges',
    () => {
      const g = graph();
      const activation = { type: 'quantize', row: 3, core: 'uniform', signed: true } as const;
      const operands = { x: stored(g, 'x', 4), ranges: stored(g, 'ranges', 3, 2) };
      g.append('activation', operands, { y: stored(g, 'y', 4) }, { activation });
      return g;
    },
    'activation y: the quantizer in row 3 of 3 ranges, right would be a row below 3',
  ],
  [
    'Adam without its second moments',
    () => {
      const g = graph();
      const [parameters, gradients, velocity] = ['p', 'g', 'v'].map((name) => stored(g, name, 4)) as Tensor[];
      const operands = { parameters: parameters!, gradients: gradients!, velocity: velocity! };
      const solver = { type: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;
      const control = stored(g, 'control', CONTROL_LENGTH);
      g.append('parameterUpdate', { ...operands, secondMoment: null, control }, {}, { solver, weightDecay: 0 });
      return g;
    },
    'parameterUpdate: secondMoment is missing, which Adam needs',
  ],
];

describe('a plan', () => {
  it('is made of what is right', () => {
    expect(makePlan({ step: convolution() }).storages.map(({ name }) => name)).toEqual(['x', 'w', 'y']);
  });

  it.each(cases)('is refused for %s', (_name, build, fault) => {
    expect(() => makePlan({ step: build() })).toThrow(fault);
    expect(() => makePlan({ step: build() })).toThrow(InputError);
  });

  it('is refused before it is one, where a window leaves nothing of a result', () => {
    const g = graph();
    expect(() => conv2d(g, stored(g, 'x', 1, 2, 2, 1), stored(g, 'w', 5, 5, 1, 1), {}, false)).toThrow(
      'conv2d: a window of 5×5 on 2×2 pixels with padding 0, right would be at most 2×2',
    );
  });
});
