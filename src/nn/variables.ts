/**
 * Everything that a network learns: parameters, running moments and quantizers, as views of a few long vectors, so that
 * an update is one call over a vector and a checkpoint a list of named views.
 *
 * Layers ask for their variables by name. The first request creates them with initial values, later ones (of the same
 * network built for evaluation) get the same views.
 */

import type { Random } from '../data/random.js';
import { InputError } from '../errors.js';
import {
  alignedPlace,
  elementCount,
  type Graph,
  type Shape,
  type Storage,
  type StorageView,
  type Tensor,
} from '../graph/index.js';
import type { ActivationSource, CostTable, Product, Quantizer, TensorSet, Unquantized } from '../quant/index.js';
import type { ChannelGroup } from './channelGroups.js';
import { fromStored, type Layout, storedShape } from './layouts.js';
import { STORAGE } from './storages.js';

/**
 * Groups of parameters for weight decay, which may exclude `bn` (γ and β of batch normalisation) and `bias`. Exponents
 * of channels belong to quantizers and never decay, which would pull all channels towards one step.
 */
export type ParameterGroup = 'weight' | 'bias' | 'bn' | 'exponent';

export interface Variable {
  readonly name: string;
  readonly layout: Layout;
  /** The engines' shape: HWIO for convolutions. */
  readonly shape: Shape;
  readonly group: ParameterGroup;
  /** Final once all variables are declared. */
  view: StorageView;
  /** Initial values in the engines' layout, drawn when first asked for. */
  readonly start: Float64Array;
}

/** Named values in the stored layout to start from: another run's parameters. */
export interface StartingWeights {
  /** Name for error messages: the file. */
  readonly source: string;
  get(name: string): { readonly shape: Shape; readonly values: ArrayLike<number> } | undefined;
}

/** A quantizer that several activations share (see `sharedQuantizers.ts`). */
export interface SharedQuantizer {
  /** Names in the order of the network; the quantizer is named after the first. */
  readonly tensors: readonly string[];
  /** True if any of them can be negative. */
  readonly signed: boolean;
}

/** A tensor that has a quantizer, or could have one. */
export interface NetworkTensor {
  /** Name of the parameter, or of the scope whose output it is. */
  readonly name: string;
  readonly role: Quantizer['role'];
  /** Source of an activation; null for parameters. */
  readonly source: ActivationSource | null;
  /** Number of elements; for activations, of one image. */
  readonly count: number;
  /** Row of its quantizer, null for none. */
  readonly row: number | null;
}

/** Name of the parameter with the exponents of a weight's channels. */
export function exponentsName({ name, kind }: Pick<Quantizer, 'name' | 'kind'>): string {
  return `${name}/${kind}/exponents`;
}

/** The tensors and products that sizes count, by rows of quantizers. */
export type Counted = Pick<Variables, 'quantizers' | 'tensors' | 'unquantized' | 'products'>;

/** A network with pruned channels. */
export interface Remains {
  /** The remaining channels of each group. */
  readonly channels: readonly (readonly number[])[];
  /** The tensors and products of the network without the pruned channels. */
  readonly network: Counted;
}

/** A storage that grows while a network is built for the first time. */
interface GrowingStorage extends Storage {
  length: number;
}

export class Variables {
  readonly parameters: Variable[] = [];
  readonly running: Variable[] = [];
  readonly quantizers: Quantizer[] = [];
  /** Initial values of the quantizers' table, two a row. */
  readonly table: number[] = [];
  /** Names, offsets and lengths of the batch statistics, in forward order. */
  readonly layers: { readonly name: string; readonly offset: number; readonly length: number }[] = [];
  /** Sets of activations in memory at once; set when the network has been built once. */
  live: readonly TensorSet[] = [];
  /** The multiply-adds of the network's layers. */
  products: readonly Product[] = [];
  /** Costs on a device, if a cost table is given. */
  costs: CostTable | null = null;
  /** Channels that may be pruned. */
  channelGroups: readonly ChannelGroup[] = [];
  /** The remaining channels; null without pruning. */
  remains: Remains | null = null;
  readonly #random: Random | null;
  readonly #storages = new Map<string, GrowingStorage>();
  readonly #byName = new Map<string, Variable>();
  readonly #tensors = new Map<string, NetworkTensor>();
  readonly #shared = new Map<string, SharedQuantizer>();
  readonly #fresh = new Set<string>();
  /** Draws initial values that are not drawn yet, in the order of the variables. */
  readonly #draws: (() => void)[] = [];

  /** The file's values to start from; null to start from random values. */
  readonly starting: StartingWeights | null;
  readonly #prefix: string;

  /**
   * @param random null if only shapes are wanted: nothing has initial values
   * @param prefix of the storages' names, for a second network in a program
   */
  constructor(random: Random | null, starting: StartingWeights | null = null, prefix = '') {
    this.#random = random;
    this.starting = starting;
    this.#prefix = prefix;
  }

  /** The file's tensor of a name; undefined if it has none or the variable starts afresh. */
  given(name: string): ReturnType<StartingWeights['get']> {
    return this.startsAfresh(name) ? undefined : this.starting?.get(name);
  }

  /** Makes parameters and their quantizers start without the file, as the head of a network for other classes does. */
  startAfresh(...names: readonly string[]): void {
    for (const name of names) this.#fresh.add(name);
  }

  /** Tells whether a parameter, or a value of its quantizer, starts without the file although the file may have it. */
  startsAfresh(name: string): boolean {
    const parameter = name.replace(/quant\/[^/]+\/[^/]+$/, '');
    return this.#fresh.has(parameter);
  }

  /**
   * A learned tensor. `start` gives its initial values in the engines' layout and is called at most once.
   *
   * @throws {InputError} if the name is known with another shape, layout or group.
   */
  parameter(
    graph: Graph,
    name: string,
    shape: Shape,
    layout: Layout,
    start: (random: Random) => Float64Array,
    group: ParameterGroup = 'weight',
  ): Tensor {
    return this.#variable(this.parameters, STORAGE.parameters, graph, name, shape, layout, start, group);
  }

  /**
   * Moves the parameters of some groups behind all others, tier after tier of groups. For a network whose variables are
   * all declared and whose graph is built again afterwards. Returns the offsets at which the tiers begin.
   */
  moveBehind(...tiers: readonly (readonly string[])[]): number[] {
    const storage = this.storage(STORAGE.parameters);
    let offset = 0;
    const place = (tier: number): number => {
      const begin = offset;
      for (const variable of this.parameters) {
        if (tiers.findIndex((groups) => groups.includes(variable.group)) !== tier) continue;
        variable.view = { storage, offset };
        offset += paddedLength(variable.shape);
      }
      return begin;
    };
    place(-1);
    return tiers.map((_, tier) => place(tier));
  }

  /** A running moment of batch normalisation. */
  runningValue(graph: Graph, name: string, channels: number, start: number): Tensor {
    const values = () => new Float64Array(channels).fill(start);
    return this.#variable(this.running, STORAGE.running, graph, name, [channels], 'plain', values, 'bn');
  }

  /** The view of a layer's batch statistics, [2, channels]. */
  statistics(name: string, channels: number): StorageView {
    const storage = this.storage(STORAGE.statistics);
    let layer = this.layers.find((known) => known.name === name);
    if (!layer) {
      layer = { name, offset: storage.length, length: 2 * channels };
      this.layers.push(layer);
      storage.length += paddedLength([2, channels]);
    }
    if (layer.length !== 2 * channels) {
      throw new InputError(`${name} has ${layer.length / 2} channels already, and cannot have ${channels} as well`);
    }
    return { storage, offset: layer.offset };
  }

  /** Makes activations share quantizers from now on. Existing quantizers are dropped and have to be requested again. */
  shareQuantizers(shared: readonly SharedQuantizer[]): void {
    for (const quantizer of shared) for (const tensor of quantizer.tensors) this.#shared.set(tensor, quantizer);
    this.#tensors.clear();
    this.quantizers.length = 0;
    this.table.length = 0;
  }

  /** The shared quantizer of an activation, if it has one. */
  sharedBy(tensor: string): SharedQuantizer | undefined {
    return this.#shared.get(tensor);
  }

  /**
   * The row of a tensor's quantizer. `create` describes it with its two initial values and is called once, for the
   * first of the tensors that share it.
   */
  quantizer(
    tensor: Omit<NetworkTensor, 'row'>,
    create: () => { quantizer: Quantizer; start: readonly [number, number] },
  ): number {
    const { name, count } = tensor;
    const known = this.#tensors.get(name)?.row;
    if (typeof known === 'number') return known;
    const first = this.#shared.get(name)?.tensors[0];
    const others = first === undefined ? undefined : this.#tensors.get(first)?.row;
    const row = typeof others === 'number' ? this.#joined(others, count) : this.#created(create());
    this.#tensors.set(name, { ...tensor, row });
    return row;
  }

  #created({ quantizer, start }: { quantizer: Quantizer; start: readonly [number, number] }): number {
    this.table.push(...start);
    return this.quantizers.push(quantizer) - 1;
  }

  /** Adds a further tensor to a quantizer's row and returns the row. */
  #joined(row: number, count: number): number {
    const quantizer = this.quantizers[row]!;
    const counts = [...(quantizer.counts ?? [quantizer.count]), count];
    this.quantizers[row] = { ...quantizer, count: quantizer.count + count, counts };
    return row;
  }

  /** Counts a tensor without a quantizer: 32 bits an element. */
  countUnquantized(role: Quantizer['role'], name: string, count: number, source: ActivationSource | null = null): void {
    this.#tensors.set(name, { name, role, source, count, row: null });
  }

  /** The tensors that can be quantized, in the order of the network. */
  get tensors(): readonly NetworkTensor[] {
    return [...this.#tensors.values()];
  }

  get unquantized(): Unquantized {
    const counts = (role: 'weight' | 'activation') => this.unquantizedTensors(role).map(([, count]) => count);
    const weights = counts('weight').reduce((sum, count) => sum + count, 0);
    return { weights, activations: counts('activation'), live: this.live };
  }

  /** The tensors and products that sizes count, without pruned channels. */
  get counted(): Counted {
    if (!this.remains) return this;
    const { quantizers: left, tensors, unquantized, products } = this.remains.network;
    const quantizers = this.quantizers.map((quantizer, row) => ({ ...quantizer, count: left[row]!.count }));
    return { quantizers, tensors, unquantized, products };
  }

  /** Names and counts of tensors without a quantizer, biases among the weights, in the order of the network. */
  unquantizedTensors(role: 'weight' | 'activation'): readonly (readonly [name: string, count: number])[] {
    const isActivation = role === 'activation';
    const ofRole = this.tensors.filter(
      (tensor) => tensor.row === null && (tensor.role === 'activation') === isActivation,
    );
    return ofRole.map(({ name, count }) => [name, count]);
  }

  find(name: string): Variable | undefined {
    return this.#byName.get(name);
  }

  /** The name that a storage of this network has in a program, where other networks may have one of the same kind. */
  storageName(name: string): string {
    return this.#prefix + name;
  }

  /**
   * The storage with a name, of floats unless it exists already. Vectors that go with the parameters have their length.
   */
  storage(name: string, length = 0): GrowingStorage {
    const known = this.#storages.get(name);
    if (known) return known;
    const storage: GrowingStorage = { name: this.storageName(name), dtype: 'float', length };
    this.#storages.set(name, storage);
    return storage;
  }

  #variable(
    list: Variable[],
    storageName: string,
    graph: Graph,
    name: string,
    shape: Shape,
    layout: Layout,
    start: (random: Random) => Float64Array,
    group: ParameterGroup,
  ): Tensor {
    let variable = this.#byName.get(name);
    if (!variable) {
      const storage = this.storage(storageName);
      const given = this.#given(name, shape, layout);
      const values = given ? () => given : this.#drawn(start);
      const view = { storage, offset: storage.length };
      variable = {
        ...{ name, layout, shape, group, view },
        get start() {
          return values();
        },
      };
      storage.length += paddedLength(shape);
      list.push(variable);
      this.#byName.set(name, variable);
    }
    const [known, asked] = [describe(variable), describe({ layout, shape, group })];
    if (known !== asked || !list.includes(variable)) {
      throw new InputError(`${name} is ${known} already, and cannot be ${asked} as well: another name would be right`);
    }
    return graph.tensor(name, variable.shape, variable.view);
  }

  /**
   * Initial values that are drawn when asked for, after those of all earlier variables: the numbers do not depend on
   * who asks first, and none are drawn if only the plan or the sizes are wanted.
   */
  #drawn(start: (random: Random) => Float64Array): () => Float64Array {
    const random = this.#random;
    let values: Float64Array | null = random ? null : new Float64Array(0);
    if (random) {
      this.#draws.push(() => {
        values = start(random);
      });
    }
    return () => {
      while (!values) this.#draws.shift()!();
      return values;
    };
  }

  /**
   * The file's values of a name. Shapes that differ only by axes of size 1 (NNabla's [1,C,1,1] for [C]) are equal;
   * another shape is an error.
   */
  #given(name: string, shape: Shape, layout: Layout): Float64Array | null {
    const given = this.given(name);
    if (!given) return null;
    const wanted = storedShape(shape, layout);
    const squeeze = (sizes: Shape) => sizes.filter((size) => size !== 1).join('×');
    if (squeeze(given.shape) !== squeeze(wanted)) {
      throw new InputError(
        `${this.starting?.source}: ${name} has shape [${given.shape}], this network wants [${wanted}]`,
      );
    }
    return fromStored(given.values, shape, layout);
  }
}

function describe({ shape, layout, group }: Pick<Variable, 'shape' | 'layout' | 'group'>): string {
  return `[${shape}], layout ${layout}, group ${group}`;
}

function paddedLength(shape: Shape): number {
  return alignedPlace(elementCount(shape));
}
