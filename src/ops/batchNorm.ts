/**
 * Batch normalisation (Ioffe and Szegedy, arXiv 1502.03167), y = act(γ·(x − mean)/√(var + ε) + β + shortcut). Shortcut
 * and activation are absent at first; fusion adds them, so that a layer's elements are read and written once.
 *
 * The gradient of x needs sums over the whole batch, so the backward pass has two operations: the first recomputes the
 * pre-activation, masks the gradient and reduces all sums, the second applies them.
 */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import { sumsOf } from './activation.js';
import { activationFault, activationFunctions } from './activationFunctions.js';
import type { Activation, NoAttributes } from './attributes.js';
import type { Definition, Operation } from './definition.js';
import { resultShapes } from './shapes.js';
import { gradientLike } from './tensors.js';

interface Fused {
  readonly activation: Activation | null;
}

const signature = {
  /** `statistics`: mean and 1/√(var + ε). */
  operands: {
    x: '[...S,C]',
    statistics: '[2,C]',
    gamma: '[C]',
    beta: '[C]',
    shortcut: '[...S,C]?',
    ranges: '[Q,2]?',
  },
  results: { y: '[...S,C]' },
} as const;

export type BatchNorm = Operation<typeof signature, Fused>;

export const batchNormDefinition: Definition<BatchNorm> = {
  op: 'batchNorm',
  ...signature,
  check: ({ activation }, { Q }, { ranges }) => activationFault(activation, ranges, Q),
  gradient: (graph, { operands, attributes }, { y: dy }, sums) => {
    if (!dy) return {};
    const { x, statistics, gamma, beta, shortcut } = operands;
    const dz = graph.tensor(`dz(${x.name})`, x.shape);
    const [dgamma, dbeta, dx] = [gradientLike(graph, gamma), gradientLike(graph, beta), gradientLike(graph, x)];
    const reduced = { dz, dgamma, dbeta, sums: sumsOf(graph, sums, attributes.activation) };
    graph.append('batchNormGradientReduce', { ...operands, dy }, reduced, attributes);
    graph.append('batchNormGradientApply', { dz, x, statistics, gamma, dgamma, dbeta }, { dx }, {});
    return { x: dx, gamma: dgamma, beta: dbeta, shortcut: shortcut && dz };
  },
  overwrites: { y: ['shortcut'] },
  onTheWay: true,
  values: ({ activation }) => activation,
  compute: (operands, { y }, { activation }, { C }) => {
    const { z } = normalised(operands, C);
    const { value } = activationFunctions(activation, operands.ranges);
    for (let i = 0; i < y.length; i++) y[i] = value(z(i));
  },
};

const reduceSignature = {
  operands: { ...signature.operands, dy: '[...S,C]' },
  results: { dz: '[...S,C]', dgamma: '[C]', dbeta: '[C]', sums: '[2]?' },
} as const;

export type BatchNormGradientReduce = Operation<typeof reduceSignature, Fused>;

export const batchNormGradientReduceDefinition: Definition<BatchNormGradientReduce> = {
  op: 'batchNormGradientReduce',
  ...reduceSignature,
  check: ({ activation }, { Q }, { ranges }) => activationFault(activation, ranges, Q),
  gradient: 'none',
  overwrites: { dz: ['dy'] },
  compute: (operands, { dz, dgamma, dbeta, sums }, { activation }, { C }) => {
    const { z, xhat } = normalised(operands, C);
    const { inputFactor, rangeFactor0, rangeFactor1 } = activationFunctions(activation, operands.ranges);
    const { dy } = operands;
    dgamma.fill(0);
    dbeta.fill(0);
    let s0 = 0;
    let s1 = 0;
    for (let i = 0; i < dz.length; i++) {
      const element = z(i);
      const g = dy[i]!;
      const gz = g * inputFactor(element);
      s0 += g * rangeFactor0(element);
      s1 += g * rangeFactor1(element);
      dgamma[i % C]! += gz * xhat(i);
      dbeta[i % C]! += gz;
      dz[i] = gz;
    }
    sums?.set([s0, s1]);
  },
};

const applySignature = {
  operands: { dz: '[...S,C]', x: '[...S,C]', statistics: '[2,C]', gamma: '[C]', dgamma: '[C]', dbeta: '[C]' },
  results: { dx: '[...S,C]' },
} as const;

export type BatchNormGradientApply = Operation<typeof applySignature, NoAttributes>;

export const batchNormGradientApplyDefinition: Definition<BatchNormGradientApply> = {
  op: 'batchNormGradientApply',
  ...applySignature,
  gradient: 'none',
  overwrites: { dx: ['dz', 'x'] },
  compute: ({ dz, x, statistics, gamma, dgamma, dbeta }, { dx }, _attributes, { C }) => {
    const count = x.length / C;
    for (let i = 0; i < x.length; i++) {
      const c = i % C;
      const invstd = statistics[C + c]!;
      const xhat = (x[i]! - statistics[c]!) * invstd;
      dx[i] = gamma[c]! * invstd * (dz[i]! - dbeta[c]! / count - (xhat * dgamma[c]!) / count);
    }
  },
};

export function batchNorm(graph: Graph, x: Tensor, statistics: Tensor, gamma: Tensor, beta: Tensor): Tensor {
  const operands = { x, statistics, gamma, beta, shortcut: null, ranges: null };
  const attributes = { activation: null };
  const y = graph.tensor(`norm(${x.name})`, resultShapes(batchNormDefinition, operands, attributes).y);
  graph.append('batchNorm', operands, { y }, attributes);
  return y;
}

type Numbers = ArrayLike<number>;

/**
 * The intermediate values of element i, shared by forward and backward pass: x̂ = (x − mean)/√(var + ε) and z = γ·x̂ +
 * β + shortcut.
 */
function normalised(
  operands: Readonly<Record<'x' | 'statistics' | 'gamma' | 'beta', Numbers>> & { readonly shortcut: Numbers | null },
  C: number,
) {
  const { x, statistics, gamma, beta, shortcut } = operands;
  const xhat = (i: number) => (x[i]! - statistics[i % C]!) * statistics[C + (i % C)]!;
  const z = (i: number) => gamma[i % C]! * xhat(i) + beta[i % C]! + (shortcut ? shortcut[i]! : 0);
  return { xhat, z };
}
