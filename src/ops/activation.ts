/** An element-wise activation: ReLU, a sigmoid, …, or a quantizer. Weights are quantized by the same operation. */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import { activationFault, activationFunctions } from './activationFunctions.js';
import type { Activation } from './attributes.js';
import type { Definition, Operation } from './definition.js';
import { resultShapes } from './shapes.js';
import { gradientLike } from './tensors.js';

interface Activated {
  readonly activation: Activation;
}

const signature = {
  /** `ranges`: effective ranges of all quantizers; a quantizing activation names its row. */
  operands: { x: '[...S]', ranges: '[Q,2]?' },
  results: { y: '[...S]' },
} as const;

export type ActivationOperation = Operation<typeof signature, Activated>;

export const activationDefinition: Definition<ActivationOperation> = {
  op: 'activation',
  ...signature,
  check: ({ activation }, { Q }, { ranges }) => activationFault(activation, ranges, Q),
  gradient: (graph, { operands: { x, ranges }, attributes }, { y: dy }, sums) => {
    if (!dy) return {};
    const dx = gradientLike(graph, x);
    const results = { dx, sums: sumsOf(graph, sums, attributes.activation) };
    graph.append('activationGradient', { x, ranges, dy }, results, attributes);
    return { x: dx };
  },
  overwrites: { y: ['x'] },
  onTheWay: true,
  values: ({ activation }) => activation,
  compute: ({ x, ranges }, { y }, { activation }) => {
    const { value } = activationFunctions(activation, ranges);
    for (let i = 0; i < x.length; i++) y[i] = value(x[i]!);
  },
};

const gradientSignature = {
  operands: { x: '[...S]', ranges: '[Q,2]?', dy: '[...S]' },
  /** `sums`: the two reductions of a quantizer's gradients (see `quant/`). */
  results: { dx: '[...S]', sums: '[2]?' },
} as const;

export type ActivationGradient = Operation<typeof gradientSignature, Activated>;

export const activationGradientDefinition: Definition<ActivationGradient> = {
  op: 'activationGradient',
  ...gradientSignature,
  check: ({ activation }, { Q }, { ranges }) => activationFault(activation, ranges, Q),
  gradient: 'none',
  overwrites: { dx: ['dy', 'x'] },
  compute: ({ x, ranges, dy }, { dx, sums }, { activation }) => {
    const functions = activationFunctions(activation, ranges);
    let s0 = 0;
    let s1 = 0;
    for (let i = 0; i < x.length; i++) {
      const z = x[i]!;
      const g = dy[i]!;
      s0 += g * functions.rangeFactor0(z);
      s1 += g * functions.rangeFactor1(z);
      dx[i] = g * functions.inputFactor(z);
    }
    sums?.set([s0, s1]);
  },
};

/** y = kind(x), element by element. `ranges`: effective ranges of all quantizers, [Q, 2], read by quantizers only. */
export function activation(graph: Graph, x: Tensor, ranges: Tensor, kind: Activation): Tensor {
  const operands = { x, ranges: kind.type === 'quantize' ? ranges : null };
  const attributes = { activation: kind };
  const y = graph.tensor(`${kind.type}(${x.name})`, resultShapes(activationDefinition, operands, attributes).y);
  graph.append('activation', operands, { y }, attributes);
  return y;
}

/** The two reductions of a quantizer's row as a view of the storage `sums`; null for other activations. */
export function sumsOf(graph: Graph, sums: Tensor, kind: Activation | null): Tensor | null {
  return kind?.type === 'quantize' ? sumsOfRow(graph, sums, kind.row) : null;
}

export function sumsOfRow(graph: Graph, { name, view }: Tensor, row: number): Tensor {
  if (!view) throw new Error(`${name}: the sums of quantizers have to outlive the step`);
  return graph.tensor(`sums[${row}]`, [2], { storage: view.storage, offset: view.offset + 2 * row });
}
