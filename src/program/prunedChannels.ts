/**
 * Pruned channels of a network, found from its parameters, and the network without them: sizes count the latter (see
 * `nn/channelGroups.ts`), and it can be built.
 */

import {
  type ChannelGroup,
  type Counted,
  fromStored,
  leftOf,
  modelDefinition,
  storedShape,
  thinned,
  toStored,
} from '../nn/index.js';
import type { Left } from '../quant/index.js';
import type { LoadedWeights } from '../weights/loadedWeights.js';
import { declaredVariables, type ProgramOptions, type TrainingProgram } from './trainingProgram.js';

type Counting = Pick<TrainingProgram, 'options' | 'variables'>;

/** Values of a parameter by its name; undefined if it still has its initial values. */
type ValuesOf = (name: string) => ArrayLike<number> | undefined;

/** Finds the remaining channels and sets `variables.remains`; `variables.counted` then excludes the pruned ones. */
export function countChannels({ options, variables }: Counting, valuesOf: ValuesOf): void {
  const channels = variables.channelGroups.map((group) => channelsLeft(group, valuesOf));
  const areAllThere = channels.every((left, at) => left.length === variables.channelGroups[at]!.channels);
  if (areAllThere) {
    variables.remains = null;
    return;
  }
  const left = channels.map(({ length }) => length);
  const known = variables.remains;
  const areAsMany = known?.channels.every(({ length }, group) => length === left[group]);
  const network = areAsMany
    ? known!.network
    : declaredVariables(thinnedOptions(options, variables.channelGroups, left));
  variables.remains = { channels, network };
}

/** Channels with a nonzero γ or β; if all are 0, a group keeps its first channel, since a layer needs one. */
function channelsLeft({ channels, factors }: ChannelGroup, valuesOf: ValuesOf): number[] {
  const values = factors.map(valuesOf);
  const all = Array.from({ length: channels }, (_, channel) => channel);
  const left = all.filter((channel) => values.some((own) => own === undefined || own[channel] !== 0));
  return left.length > 0 ? left : [0];
}

/**
 * The network without its pruned channels and a file's parameters without theirs, for a program with counted channels;
 * the given ones if no channel is pruned.
 */
export function withoutPruned(
  { options, variables }: Counting,
  weights: LoadedWeights,
): { readonly options: ProgramOptions; readonly weights: LoadedWeights } {
  const { channelGroups, remains, parameters, running } = variables;
  if (!remains) return { options, weights };
  const left = remains.channels.map(({ length }) => length);
  const thin = thinnedOptions(options, channelGroups, left);
  const shapes = declaredVariables(thin);
  const known = new Map([...parameters, ...running].map((variable) => [variable.name, variable]));
  const get: LoadedWeights['get'] = (name) => {
    const [given, variable] = [weights.get(name), known.get(name)];
    if (!given || !variable) return given;
    const { shape } = shapes.find(name)!;
    const values = leftOf(variables, variable, fromStored(given.values, variable.shape, variable.layout));
    return { shape: storedShape(shape, variable.layout), values: toStored(values, shape, variable.layout) };
  };
  return { options: thin, weights: { ...weights, get } };
}

/** The options of the network with fewer channels in some groups. */
function thinnedOptions(
  options: ProgramOptions,
  groups: readonly ChannelGroup[],
  left: readonly number[],
): ProgramOptions {
  const { model, imageShape } = options;
  const channels = new Map(groups.map(({ layer }, group) => [layer, left[group]!]));
  const definition = thinned(modelDefinition(model, imageShape), channels);
  return { ...options, model: { ...model, definition }, prunesChannels: false };
}

/** The smallest network that sizes can count if channels are removed `step` at a time (see `takeBitsAndChannels`). */
export function fewestChannels({ options, variables }: Counting, step: number): Counted {
  const { channelGroups } = variables;
  if (channelGroups.length === 0) return variables;
  const fewest = channelGroups.map(({ channels }) => (channels < 2 * step ? channels : step + (channels % step)));
  return declaredVariables(thinnedOptions(options, channelGroups, fewest));
}

/** The counted tensors and products with fewer elements and multiply-adds. */
export function thinnedBy(counted: Counted, left: Left): Counted {
  return {
    tensors: counted.tensors,
    unquantized: counted.unquantized,
    quantizers: counted.quantizers.map((quantizer, row) => ({ ...quantizer, count: left(row, quantizer.count) })),
    products: counted.products.map((product) =>
      'row' in product.weight ? { ...product, multiplyAdds: left(product.weight.row, product.multiplyAdds) } : product,
    ),
  };
}
