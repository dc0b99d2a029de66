/**
 * The definition of an operation: everything that engines, passes and networks need to know of it, in one object. Each
 * file of this room defines one operation with its gradients, and its builder; `index.ts` lists them all.
 *
 * Operands and results are named, each with a pattern: `'[B,H,W,C]'` is a tensor of floats with four axes, `'int32
 * [N]'` and `'uint8 [N]'` have other types, `'uint8|float [N]'` one of two; a `?` at the end marks an optional tensor.
 * A letter is the same size everywhere in an operation, a number is itself, and `...S` is any number of axes, at most
 * once in a pattern.
 */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { Activation } from './attributes.js';

type Patterns = Readonly<Record<string, string>>;

interface Signature {
  readonly operands: Patterns;
  readonly results: Patterns;
}

/** Types of an operation: its patterns, tensors by name, attributes, and sizes by letter. */
export interface Operation<S extends Signature = Signature, A extends object = object> {
  readonly signature: S;
  readonly operands: { readonly [N in keyof S['operands']]: Tensor | Absent<S['operands'][N]> };
  readonly results: { readonly [N in keyof S['results']]: Tensor | Absent<S['results'][N]> };
  readonly attributes: A;
}

/**
 * Type of an absent tensor. For an operation of any name (`string` instead of a pattern) every tensor may be absent.
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

/** Arrays of the tensors of patterns, float64 for floats. */
type Arrays<P extends Patterns> = { readonly [N in keyof P]: ArrayOf<P[N]> | Absent<P[N]> };

type Letter<L> = L extends `...${infer Rest}` ? Rest : L;
type Letters<L> = L extends `${infer First},${infer Rest}` ? Letter<First> | Letters<Rest> : Letter<L>;
type LettersOf<P> = string extends P ? string : P extends `${string}[${infer L}]${string}` ? Letters<L> : never;

/** Sizes by letter; for `...S` the number of elements. Letters that only absent tensors have are missing. */
export type Sizes<S extends Signature> = Readonly<
  Record<LettersOf<S['operands'][keyof S['operands']] | S['results'][keyof S['results']]>, number>
>;

/** A node as seen by its definition. */
type NodeOf<T extends Operation> = Pick<T, 'operands' | 'results' | 'attributes'> & { readonly op: string };

type NameOf<P> = keyof P & string;

/**
 * Appends nodes for the gradients of a node's operands and returns them by name; an omitted operand has no gradient.
 * `upstream`: gradients of the results, null for results without one; at least one is present. Gradients of quantizers
 * go to `sums`, the storage with two reductions a row.
 */
export type GradientRule<T extends Operation> = (
  graph: Graph,
  node: NodeOf<T>,
  upstream: { readonly [N in keyof T['results']]: Tensor | null },
  sums: Tensor,
) => { readonly [N in keyof T['operands']]?: Tensor | null };

export type Definition<T extends Operation> = Base<T> &
  ((Layer<T> & ShapeRule<T, SizesOfResults<T['signature']>>) | (Final & ShapeRule<T, never>));

/** Letters of results that operands do not have. */
type SizesOfResults<S extends Signature> = Exclude<
  LettersOf<S['results'][keyof S['results']]>,
  LettersOf<S['operands'][keyof S['operands']]> | `${number}`
>;

/**
 * The shape rule: sizes that follow from other sizes and from attributes. Not needed if the patterns determine all
 * sizes.
 */
type ShapeRule<T extends Operation, Needed extends string> = [Needed] extends [never]
  ? { readonly sizes?: Rule<T, never> }
  : { readonly sizes: Rule<T, Needed> };

type Rule<T extends Operation, Needed extends string> = (
  sizes: Sizes<T['signature']>,
  attributes: T['attributes'],
) => Readonly<Record<Needed, number>> & Partial<Sizes<T['signature']>>;

/** An operation without a gradient: no operand may depend on learned values. */
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
  /** Finds wrong attributes or sizes. Returns the error, with what would be right, or null. */
  readonly check?: (
    attributes: T['attributes'],
    sizes: Sizes<T['signature']>,
    operands: T['operands'],
  ) => string | null;
  /**
   * The operands that a result may overwrite: its element i depends on element i of that operand only, which an engine
   * must read before it writes.
   */
  readonly overwrites?: { readonly [N in keyof T['results']]?: readonly NameOf<T['operands']>[] };
  /** Operands that are updated in place: state that outlives the step. */
  readonly updates?: readonly NameOf<T['operands']>[];
  /**
   * For a product: the tensor (or its gradient) whose elements are sums over all weights of their channel, and the
   * weights.
   */
  readonly product?: readonly [
    sums: NameOf<T['operands']> | NameOf<T['results']>,
    weights: NameOf<T['operands']> | NameOf<T['results']>,
  ];
  /** Operands of which only as many elements are read as the named result has. */
  readonly readsInPart?: { readonly [N in keyof T['operands']]?: NameOf<T['results']> };
  /** The optional operand that is added to the first result, in the operation's last pass. */
  readonly addend?: NameOf<T['operands']>;
  /** Computes the results in float64. Defines the operation: every other engine is tested against it. */
  readonly compute: (
    operands: Arrays<T['signature']['operands']>,
    results: Arrays<T['signature']['results']>,
    attributes: T['attributes'],
    sizes: Sizes<T['signature']>,
  ) => void;
}

/** An operation that may be between parameters and loss. */
interface Layer<T extends Operation> {
  readonly gradient: GradientRule<T>;
  /**
   * True if a device that runs layer by layer does the operation in the layer whose output it reads, on the way to
   * memory. False for a layer of its own that reads stored tensors.
   */
  readonly onTheWay: boolean;
  /**
   * Origin of the first result's values: the first operand's (`kept`, all or some of them), all operands' side by side
   * (`joined`), an activation's, or others (`new`).
   */
  readonly values: 'kept' | 'joined' | 'new' | ((attributes: T['attributes']) => Activation | null);
  /** True if a device needs the integers of all operands in one step, so that quantized operands share a quantizer. */
  readonly oneStep?: true;
}
