/**
 * The sizes that an engine may make larger (`passes/filledChannels.ts`): if there are zeros behind the elements of operands,
 * those of results stay what they are, with zeros behind them, too. An operation that is missing does not compile; many have
 * sizes that mean something, such as classes and images, or channels beside others.
 */

import type { AnyNode, Operations, OpName, Tensors } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import { activationFunctions } from './activationFunctions.js';
import type { Activation } from './attributes.js';
import type { Operation, Sizes } from './definition.js';
import { definitionOf } from './index.js';
import { patternOf, spansOf } from './shapes.js';

type Letters<T extends Operation> = readonly (keyof Sizes<T['signature']>)[];

/** A node before and after its sizes grow. */
interface Growth<T extends Operation> {
  readonly own: Sizes<T['signature']>;
  readonly filled: Sizes<T['signature']>;
  /** The new place in the storage of an operand of what was at a place of it. */
  placeOf(operand: string, place: number): number;
}

/** Letters of sizes that may grow, by themselves or with what else there is to say. */
type Filling<T extends Operation> =
  | Letters<T>
  | {
      readonly letters: Letters<T> | ((attributes: T['attributes']) => Letters<T>);
      /** Attributes that count elements, for filled sizes; null if there are none. */
      readonly attributes?: (attributes: T['attributes'], growth: Growth<T>) => T['attributes'] | null;
    };

const none = [] as const;
const channels = ['C'] as const;
const product = ['I', 'O'] as const;

const elements = {
  letters: ({ activation }: { readonly activation: Activation }) => (keepsZero(activation) ? (['S'] as const) : none),
};
const normalised = {
  letters: ({ activation }: { readonly activation: Activation | null }) => (keepsZero(activation) ? channels : none),
};
const sampled = {
  letters: ['C', 'D'] as const,
  // The channels of x come first in y, then zeros: behind the network's own channels of x they have gradients that x has not.
  attributes: ({ stride }: Operations['subsample']['attributes'], { own, filled }: Growth<Operations['subsample']>) =>
    filled.D < filled.C ? null : { stride, extraChannels: filled.D - filled.C, learning: own.C },
};

const fillings: { readonly [K in OpName]: Filling<Operations[K]> } = {
  gatherBatch: none,
  gatherTargets: none,
  prepareQuantizers: none,
  activation: elements,
  activationGradient: elements,
  quantizeChannels: { letters: ({ core }) => (keepsZero(signed(core)) ? ['S', 'C'] : none) },
  quantizeChannelsGradient: { letters: ({ core }) => (keepsZero(signed(core)) ? ['S', 'C'] : none) },
  conv2d: product,
  conv2dInputGradient: product,
  conv2dWeightGradient: product,
  depthwiseConv2d: channels,
  depthwiseConv2dInputGradient: channels,
  depthwiseConv2dWeightGradient: channels,
  groupedConv2d: none,
  groupedConv2dInputGradient: none,
  groupedConv2dWeightGradient: none,
  batchStatistics: channels,
  runningStatistics: channels,
  batchNorm: normalised,
  batchNormGradientReduce: normalised,
  batchNormGradientApply: channels,
  add: ['S'],
  copy: ['S'],
  concat: none,
  slice: none,
  sliceGradient: none,
  bias: channels,
  biasGradient: channels,
  flatten: none,
  unflatten: none,
  shuffleChannels: none,
  multiplyChannels: channels,
  multiplyChannelsGradient: channels,
  subsample: sampled,
  subsampleGradient: sampled,
  globalAveragePool: channels,
  globalAveragePoolGradient: channels,
  averagePool: channels,
  averagePoolGradient: channels,
  maxPool: channels,
  maxPoolGradient: channels,
  linear: product,
  linearInputGradient: product,
  linearWeightGradient: product,
  scale: ['S'],
  scaleGradient: ['S'],
  softmaxCrossEntropy: none,
  softmaxCrossEntropyGradient: none,
  elementLoss: none,
  elementLossGradient: none,
  parameterUpdate: ['N'],
  channelMoments: channels,
  movingAverage: ['N'],
  quantizerUpdate: none,
  recordMetrics: {
    letters: ['N'],
    attributes: ({ layers }, { placeOf }) => ({
      layers: layers.map(({ name, offset, length }) => {
        const begin = placeOf('statistics', offset);
        return { name, offset: begin, length: placeOf('statistics', offset + length - 1) + 1 - begin };
      }),
    }),
  },
};

/**
 * Tells whether zero stays zero. A quantizer has such a level or not, by its core and sign, for any range. How an activation
 * passes gradients at zero does not matter, as there are none behind the network's own channels.
 */
function keepsZero(activation: Activation | null): boolean {
  const own = activation?.type === 'quantize' ? { ...activation, row: 0 } : activation;
  return activationFunctions(own, [1, 2]).value(0) === 0;
}

function signed(core: Extract<Activation, { type: 'quantize' }>['core']): Activation {
  return { type: 'quantize', row: 0, core, signed: true };
}

function fillingOf({ op }: AnyNode): Exclude<Filling<Operation>, readonly unknown[]> {
  const filling = fillings[op] as unknown as Filling<Operation>;
  return 'letters' in filling ? filling : { letters: filling };
}

/** The letters of a node's sizes that may grow. */
export function growingLetters(node: AnyNode): readonly string[] {
  const { letters } = fillingOf(node);
  return typeof letters === 'function' ? letters(node.attributes) : letters;
}

/** The attributes of a node with filled sizes; null if there are none. */
export function filledAttributes(node: AnyNode, growth: () => Growth<Operation>): object | null {
  const { attributes } = fillingOf(node);
  return attributes ? attributes(node.attributes, growth()) : node.attributes;
}

/** An axis of a tensor of a node. */
export interface NamedAxis {
  readonly tensor: Tensor;
  readonly axis: number;
  /** Its letter; null for a size that the pattern fixes. */
  readonly letter: string | null;
  /** Its place among the axes of `...S`; 0 for a letter of one axis. */
  readonly place: number;
}

/** The axes of all tensors of a node that fits its definition. */
export function namedAxes(node: AnyNode): NamedAxis[] {
  const definition = definitionOf(node);
  return (['operands', 'results'] as const).flatMap((kind) =>
    Object.entries(definition[kind]).flatMap(([name, text]) => {
      const tensor = (node[kind] as Tensors)[name];
      const spans = tensor && spansOf(patternOf(text), tensor.shape);
      return (spans || []).flatMap(({ axis, first, end }) =>
        Array.from({ length: end - first }, (_, place): NamedAxis => {
          const letter = /^\d/.test(axis) ? null : axis.replace('...', '');
          return { tensor: tensor!, axis: first + place, letter, place };
        }),
      );
    }),
  );
}
