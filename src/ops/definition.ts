/**
 * The definition of an operation: everything that engines, passes and networks have to know of it, in one object. Each
 * file of this room defines one operation with its gradients and builds it for a network; `index.ts` lists them all.
 *
 * Operands and results are named, with a pattern each: `'[B,H,W,C]'` is a tensor of floats with four axes,
 * `'int32 [N]'` and `'uint8 [N]'` have other types, `'uint8|float [N]'` one of two, a `?` at the end marks what may be
 * absent. A letter is the same size wherever it stands within an operation, a number is itself, and `...S` stands for
 * any number of axes, once in a pattern.
 */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { Activation } from './attributes.js';

type Patterns = Readonly<Record<string, string>>;

interface Signature {
  readonly operands: Patterns;
  readonly results: Patterns;
}

/** The types of an operation: tensors by name, attributes, sizes by letter. */
export interface Operation<S extends Signature = Signature, A extends object = object> {
  readonly signature: S;
  readonly operands: { readonly [N in keyof S['operands']]: Tensor | Absent<S['operands'][N]> };
  readonly results: { readonly [N in keyof S['results']]: Tensor | Absent<S['results'][N]> };
  readonly attributes: A;
}

/**
 * The type of an absent tensor. Of an operation of any name, `string` in place of a pattern, everything may be absent.
 */
type Absent<P> = string extends P ? null : P extends `${string}?` ? null : never;

type ArrayOf<P> = P extends `int32 ${string}`
  ? Int32Array
  : P extends `uint8 ${string}`
    ? Uint8Array
    : P extends `uint8|float ${string}`
      ? Uint8Array | Float64Array
      : P extends `int32|float ${string}`
        ? Int32Array | Float64Array
        : Float64Array;

/** Numbers behind the tensors of patterns, in float64 where they are floats. */
type Arrays<P extends Patterns> = { readonly [N in keyof P]: ArrayOf<P[N]> | Absent<P[N]> };

type Letter<L> = L extends `...${infer Rest}` ? Rest : L;
type Letters<L> = L extends `${infer First},${infer Rest}` ? Letter<First> | Letters<Rest> : Letter<L>;
type LettersOf<P> = string extends P ? string : P extends `${string}[${infer L}]${string}` ? Letters<L> : never;

/** Sizes by letter; of `...S` the number of elements. A letter that only absent tensors have is missing. */
export type Sizes<S extends Signature> = Readonly<
  Record<LettersOf<S['operands'][keyof S['operands']] | S['results'][keyof S['results']]>, number>
>;

/** A node as its definition sees it. */
type NodeOf<T extends Operation> = Pick<T, 'operands' | 'results' | 'attributes'> & { readonly op: string };

type NameOf<P> = keyof P & string;

/**
 * Appends nodes for the gradients of a node's operands and returns these by name; an operand left out has none.
 * `upstream` holds the gradients of the results, null where a result has none; at least one is there. Gradients of
 * quantizers go to `sums`, the storage that holds two reductions a row.
 */
export type GradientRule<T extends Operation> = (
  graph: Graph,
  node: NodeOf<T>,
  upstream: { readonly [N in keyof T['results']]: Tensor | null },
  sums: Tensor,
) => { readonly [N in keyof T['operands']]?: Tensor | null };

export type Definition<T extends Operation> = Base<T> &
  ((Layer<T> & ShapeRule<T, SizesOfResults<T['signature']>>) | (Final & ShapeRule<T, never>));

/** Sizes that results have and operands have not. */
type SizesOfResults<S extends Signature> = Exclude<
  LettersOf<S['results'][keyof S['results']]>,
  LettersOf<S['operands'][keyof S['operands']]> | `${number}`
>;

/**
 * The shape rule: sizes that follow from others and from the attributes. It may be left out where the patterns say it
 * all; a gradient's results are as large as what they are the gradients of.
 */
type ShapeRule<T extends Operation, Needed extends string> = [Needed] extends [never]
  ? { readonly sizes?: Rule<T, never> }
  : { readonly sizes: Rule<T, Needed> };

type Rule<T extends Operation, Needed extends string> = (
  sizes: Sizes<T['signature']>,
  attributes: T['attributes'],
) => Readonly<Record<Needed, number>> & Partial<Sizes<T['signature']>>;

/** An operation that nothing learnable may stand before. */
interface Final {
  readonly gradient: 'none';
  readonly onTheWay?: never;
  readonly values?: never;
  readonly oneStep?: never;
}

interface Base<T extends Operation> {
  readonly op: string;
  readonly operands: T['signature']['operands'];
  readonly results: T['signature']['results'];
  /** Finds what is wrong with attributes or sizes, and what would be right; null if nothing is. */
  readonly check?: (
    attributes: T['attributes'],
    sizes: Sizes<T['signature']>,
    operands: T['operands'],
  ) => string | null;
  /**
   * By result, the operands that it may be written over: element i of the result needs element i of that operand only,
   * and an engine must read it before it writes.
   */
  readonly overwrites?: { readonly [N in keyof T['results']]?: readonly NameOf<T['operands']>[] };
  /** Operands that are changed in place: state that outlives the step. */
  readonly updates?: readonly NameOf<T['operands']>[];
  /**
   * A product: the tensor (or its gradient) whose elements are sums over all weights of their channel, and the weights.
   */
  readonly product?: readonly [
    sums: NameOf<T['operands']> | NameOf<T['results']>,
    weights: NameOf<T['operands']> | NameOf<T['results']>,
  ];
  /** Operands of which only as many elements are read as a result has. */
  readonly readsInPart?: { readonly [N in keyof T['operands']]?: NameOf<T['results']> };
  /** The optional operand that is added to the first result, in the operation's own last pass. */
  readonly addend?: NameOf<T['operands']>;
  /** Computes the results in float64: its meaning, and the judge of every other engine. */
  readonly compute: (
    operands: Arrays<T['signature']['operands']>,
    results: Arrays<T['signature']['results']>,
    attributes: T['attributes'],
    sizes: Sizes<T['signature']>,
  ) => void;
}

/** An operation that may stand between parameters and loss. */
interface Layer<T extends Operation> {
  readonly gradient: GradientRule<T>;
  /**
   * True where a device that runs the network layer by layer does the operation on the way to memory, in the layer
   * whose output it reads. Else it is a layer of its own and reads stored tensors.
   */
  readonly onTheWay: boolean;
  /**
   * Where the values of the first result come from: the first operand's, kept or left out; all operands', side by side;
   * an activation; elsewhere.
   */
  readonly values: 'kept' | 'joined' | 'new' | ((attributes: T['attributes']) => Activation | null);
  /** Set where a device wants the integers of all operands in one step: what is quantized of them shares a quantizer. */
  readonly oneStep?: true;
}
