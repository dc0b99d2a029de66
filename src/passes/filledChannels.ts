/**
 * Fills the channels of a network up with zeros, to multiples for which an engine's kernels are made: 21 become 24. What is
 * behind a network's own channels stays zero while it trains (but for 1/√(var + ε) of its statistics, which nothing but zeros
 * is multiplied by), as weights, γ and β begin with zeros there and their gradients are zeros. So nothing else changes, but for
 * the order in which an engine adds.
 *
 * `ops/filling.ts` says which sizes of an operation may grow. Its letters tell which axes have one size. A storage gets a
 * new layout, with more room for its tensors.
 */

import type { AnyNode, Tensors } from '../graph/graph.js';
import type { Plan } from '../graph/plan.js';
import {
  alignedPlace,
  channelsOf,
  elementCount,
  type Shape,
  type Storage,
  type StorageView,
  type Tensor,
} from '../graph/tensor.js';
import { filledAttributes, growingLetters, type NamedAxis, namedAxes } from '../ops/filling.js';

export interface FilledPlan {
  readonly plan: Plan;
  /** New places of the elements of each storage with a new layout, by its name; the others keep theirs. */
  readonly places: ReadonlyMap<string, Uint32Array>;
}

/** Depthwise convolutions load more than they multiply, four channels at once. */
const depthwiseMultiple = 4;

/** Channels for each of the network's, at most: there are kernels for four channels, for which eight take longer. */
const mostGrowth = 1.8;

/** The plan with the channels of convolutions filled up to a multiple; null if none can be, or need to be. */
export function fillChannels(plan: Plan, multiple: number): FilledPlan | null {
  const nodes = Object.values(plan.phases).flat();
  const axes = new Axes(nodes);
  for (;;) {
    const sizes = filledSizes(nodes, axes, multiple);
    if (sizes.size === 0) return null;
    const filling = new Filling(axes, sizes);
    const unfit = nodes.find((node) => filling.attributes(node) === null);
    if (!unfit) return filling.plan(plan);
    for (const { tensor, axis } of namedAxes(unfit)) axes.fix(tensor, axis);
  }
}

/** Sets of names; names that are joined are in one, whose own name is that of one of them. */
class Sets {
  readonly #next = new Map<string, string>();

  of(name: string): string {
    let last = name;
    for (let next = this.#next.get(last); next !== undefined; next = this.#next.get(last)) {
      // Halves the way for later calls.
      this.#next.set(last, this.#next.get(next) ?? next);
      last = next;
    }
    return last;
  }

  join(one: string, other: string): void {
    const [a, b] = [this.of(one), this.of(other)];
    if (a !== b) this.#next.set(b, a);
  }
}

/** A tensor in a storage. */
type Stored = Tensor & { readonly view: StorageView };

/** The axes of all tensors: which have one size, and which have to keep theirs. */
class Axes {
  /** By the names of sets of storages that are laid out alike. */
  readonly #layouts = new Map<string, Stored[]>();
  /** Their names. */
  readonly #laidOut = new Set<string>();
  readonly #axes = new Sets();
  readonly #storages = new Sets();
  readonly #fixed = new Set<string>();
  readonly #numbers = new Map<Tensor, number>();

  constructor(nodes: readonly AnyNode[]) {
    const stored = new Map<string, Stored>();
    const rigid = new Set<string>();
    for (const node of nodes) {
      const fills = growingLetters(node);
      for (const alike of byLetter(namedAxes(node))) {
        const [{ letter, tensor, axis }] = alike;
        const mayGrow = letter !== null && fills.includes(letter);
        const vectors = alike.map((each) => each.tensor).filter(isVector);
        if (vectors.length === alike.length) {
          const [{ view, shape }] = vectors as [Stored];
          const isAlike = vectors.every((each) => each.view.offset === view.offset && each.shape[0] === shape[0]);
          for (const each of vectors) {
            this.#storages.join(view.storage.name, each.view.storage.name);
            if (!mayGrow || !isAlike) rigid.add(each.view.storage.name);
          }
          continue;
        }
        for (const each of alike) {
          this.#axes.join(this.#keyOf(tensor, axis), this.#keyOf(each.tensor, each.axis));
          if (isStored(each.tensor)) stored.set(this.#nameOf(each.tensor), each.tensor);
        }
        if (!mayGrow) for (const each of alike) this.fix(each.tensor, each.axis);
      }
    }
    for (const tensor of [...stored.values()].sort((a, b) => a.view.offset - b.view.offset)) {
      const name = this.#storages.of(tensor.view.storage.name);
      const known = this.#layouts.get(name) ?? [];
      this.#layouts.set(name, known);
      this.#laidOut.add(nameIn(name, tensor));
      const last = known.at(-1);
      if (last && last.view.offset === tensor.view.offset && String(last.shape) === String(tensor.shape)) {
        for (const axis of tensor.shape.keys()) this.#axes.join(this.#keyOf(last, axis), this.#keyOf(tensor, axis));
        continue;
      }
      if (last && endOf(last) > tensor.view.offset) rigid.add(name);
      known.push(tensor);
    }
    const kept = new Set([...rigid].map((name) => this.#storages.of(name)));
    for (const name of kept) for (const tensor of this.#layouts.get(name) ?? []) this.fixAll(tensor);
  }

  /** The name of the set of axes that have the size of this one. */
  of(tensor: Tensor, axis: number): string {
    return this.#axes.of(this.#keyOf(tensor, axis));
  }

  /** The tensors of a storage and of those that are laid out like it, in order. */
  layoutOf({ name }: Storage): readonly Stored[] {
    return this.#layouts.get(this.#storages.of(name)) ?? [];
  }

  /** True for a tensor of a storage, false for a part that may hold several. */
  isLaidOut(tensor: Stored): boolean {
    return this.#laidOut.has(nameIn(this.#storages.of(tensor.view.storage.name), tensor));
  }

  /** The sets of axes that keep their sizes. */
  get fixed(): ReadonlySet<string> {
    return new Set([...this.#fixed].map((key) => this.#axes.of(key)));
  }

  fix(tensor: Tensor, axis: number): void {
    this.#fixed.add(this.#keyOf(tensor, axis));
  }

  fixAll(tensor: Tensor): void {
    for (const axis of tensor.shape.keys()) this.fix(tensor, axis);
  }

  /** Tensors of one shape at the same place of a storage are one. */
  #nameOf(tensor: Tensor): string {
    if (isStored(tensor)) return nameIn(tensor.view.storage.name, tensor);
    const number = this.#numbers.get(tensor) ?? this.#numbers.size;
    this.#numbers.set(tensor, number);
    return `#${number}`;
  }

  #keyOf(tensor: Tensor, axis: number): string {
    return `${this.#nameOf(tensor)}.${axis}`;
  }
}

/** Axes that have one size, in each node; those of a fixed size each for itself. */
function byLetter(axes: readonly NamedAxis[]): readonly [NamedAxis, ...NamedAxis[]][] {
  const alike = new Map<string, [NamedAxis, ...NamedAxis[]]>();
  for (const [index, axis] of axes.entries()) {
    const name = axis.letter === null ? `${index}` : `${axis.letter} ${axis.place}`;
    const known = alike.get(name);
    if (known) known.push(axis);
    else alike.set(name, [axis]);
  }
  return [...alike.values()];
}

function isStored(tensor: Tensor): tensor is Stored {
  return tensor.view !== null;
}

/** True for a part of a storage without a structure of its own. */
function isVector(tensor: Tensor): tensor is Stored {
  return isStored(tensor) && tensor.shape.length === 1;
}

function nameIn(storages: string, { view, shape }: Stored): string {
  return `${storages} ${view.offset} [${shape}]`;
}

function endOf({ view, shape }: Stored): number {
  return view.offset + elementCount(shape);
}

/** The new sizes of the axes that grow, by their sets. */
function filledSizes(nodes: readonly AnyNode[], axes: Axes, multiple: number): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  const { fixed } = axes;
  const ofDepthwise = new Set(
    nodes.flatMap(({ op, results }) => (op === 'depthwiseConv2d' ? axes.of(results.y, 3) : [])),
  );
  for (const { op, results } of nodes) {
    if (op !== 'conv2d') continue;
    const [axis, channels] = [axes.of(results.y, 3), channelsOf(results.y)];
    const own = ofDepthwise.has(axis) ? depthwiseMultiple : multiple;
    const filled = Math.ceil(channels / own) * own;
    if (filled > channels && filled <= mostGrowth * channels && !fixed.has(axis)) sizes.set(axis, filled);
  }
  return sizes;
}

/** Tensors and storages with filled axes. */
class Filling {
  readonly #tensors = new Map<Tensor, Tensor>();
  readonly #storages = new Map<Storage, Storage>();
  readonly #places = new Map<string, Uint32Array>();

  constructor(
    readonly axes: Axes,
    readonly sizes: ReadonlyMap<string, number>,
  ) {}

  plan({ storages, phases }: Plan): FilledPlan {
    const nodes = (phase: readonly AnyNode[]) =>
      phase.map((node) => {
        const [operands, results] = [this.#all(node.operands), this.#all(node.results)];
        return { ...node, operands, results, attributes: this.attributes(node) } as AnyNode;
      });
    const filled = Object.entries(phases).map(([name, phase]) => [name, nodes(phase)] as const);
    const plan = { storages: storages.map((each) => this.#storage(each)), phases: Object.fromEntries(filled) };
    return { plan, places: this.#places };
  }

  /** The attributes of a node with filled axes; null if there are none. */
  attributes(node: AnyNode): object | null {
    return filledAttributes(node, () => {
      const axes = byLetter(namedAxes(node));
      const sizes = (shapeOf: (tensor: Tensor) => Shape) => {
        const found: Record<string, number> = {};
        for (const [{ letter, tensor, axis }] of axes) {
          if (letter !== null) found[letter] = (found[letter] ?? 1) * shapeOf(tensor)[axis]!;
        }
        return found;
      };
      return {
        own: sizes(({ shape }) => shape),
        filled: sizes((tensor) => this.#tensor(tensor).shape),
        placeOf: (operand, place) => this.#placeOf((node.operands as Tensors)[operand]!.view!.storage, place),
      };
    });
  }

  #all(tensors: Tensors): Tensors {
    return Object.fromEntries(Object.entries(tensors).map(([name, each]) => [name, each && this.#tensor(each)]));
  }

  #tensor(tensor: Tensor): Tensor {
    const known = this.#tensors.get(tensor);
    if (known) return known;
    const { view } = tensor;
    const filled = { ...tensor, shape: this.#shape(tensor), view: view && this.#view(view) };
    this.#tensors.set(tensor, filled);
    return filled;
  }

  #shape(tensor: Tensor): Shape {
    if (isVector(tensor) && !this.axes.isLaidOut(tensor)) {
      return [this.#placeOf(tensor.view.storage, endOf(tensor)) - this.#view(tensor.view).offset];
    }
    return this.#filledShape(tensor);
  }

  #filledShape(tensor: Tensor): Shape {
    return tensor.shape.map((size, axis) => this.sizes.get(this.axes.of(tensor, axis)) ?? size);
  }

  #view({ storage, offset }: StorageView): StorageView {
    return { storage: this.#storage(storage), offset: this.#placeOf(storage, offset) };
  }

  /** The new place of what was at a place of a storage, or of its end. */
  #placeOf(storage: Storage, place: number): number {
    const { length } = this.#storage(storage);
    return place === storage.length ? length : (this.#places.get(storage.name)?.[place] ?? place);
  }

  #storage(storage: Storage): Storage {
    const known = this.#storages.get(storage);
    if (known) return known;
    const tensors = this.axes.layoutOf(storage);
    const isFilled = tensors.some((tensor) => String(this.#filledShape(tensor)) !== String(tensor.shape));
    const filled = isFilled ? { ...storage, length: this.#layOut(storage, tensors) } : storage;
    this.#storages.set(storage, filled);
    return filled;
  }

  /** Finds the new places of a storage's elements; returns its new length. */
  #layOut({ name, length }: Storage, tensors: readonly Stored[]): number {
    const places = new Uint32Array(length);
    let [end, filledEnd] = [0, 0];
    const leaveGap = (to: number) => {
      while (end < to) places[end++] = filledEnd++;
    };
    for (const tensor of tensors) {
      const { shape, view } = tensor;
      leaveGap(view.offset);
      filledEnd = alignedPlace(filledEnd);
      const filled = this.#filledShape(tensor);
      const run = shape.at(-1) ?? 1;
      for (let i = 0; i < elementCount(shape); i += run) {
        const begin = filledEnd + filledIndex(i, shape, filled);
        for (let j = 0; j < run; j++) places[end++] = begin + j;
      }
      filledEnd += elementCount(filled);
    }
    leaveGap(length);
    this.#places.set(name, places);
    return filledEnd;
  }
}

/** The index of element `i` of a tensor in one with longer axes. */
function filledIndex(i: number, shape: Shape, filled: Shape): number {
  let [rest, index, stride] = [i, 0, 1];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index += (rest % shape[axis]!) * stride;
    rest = Math.floor(rest / shape[axis]!);
    stride *= filled[axis]!;
  }
  return index;
}
