/**
 * A graph: operations in the order in which they run, on tensors with static shapes.
 *
 * This room knows no operation. `ops/` declares them (`Operations`), its builders append nodes, and the passes rewrite
 * the list until it is the plan that an engine replays.
 */

import type { DType, Shape, Storage, StorageView, Tensor } from './tensor.js';

/** All operations by name. `ops/index.ts` declares them by merging, so that every node is typed by its operation. */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging
export interface Operations {}

export type OpName = keyof Operations;

/** Tensors by the names of an operation's operands or results; `null` for an absent optional one. */
export type Tensors = Readonly<Record<string, Tensor | null>>;

export interface Node<K extends OpName = OpName> {
  readonly op: K;
  readonly operands: Operations[K]['operands'];
  readonly results: Operations[K]['results'];
  readonly attributes: Operations[K]['attributes'];
}

/** A node of any operation, discriminated by `op`. */
export type AnyNode = { [K in OpName]: Node<K> }[OpName];

/** The operands of a node that are present, in the order of its operation's definition. */
export function operandsOf({ operands }: { readonly operands: Tensors }): Tensor[] {
  return Object.values(operands).filter((tensor) => tensor !== null);
}

/** The results of a node that are present, in the order of its operation's definition. */
export function resultsOf({ results }: { readonly results: Tensors }): Tensor[] {
  return Object.values(results).filter((tensor) => tensor !== null);
}

export class Graph {
  readonly nodes: AnyNode[] = [];
  /** Counter that gives every tensor of graphs that share it a number of its own. */
  readonly #ids: { next: number };

  constructor(ids: { next: number } = { next: 0 }) {
    this.#ids = ids;
  }

  /** Makes a transient tensor, or a view of a storage. */
  tensor(name: string, shape: Shape, view: StorageView | null = null, dtype: DType = 'float'): Tensor {
    return { id: this.#ids.next++, name, shape, dtype: view?.storage.dtype ?? dtype, view };
  }

  /** Makes a tensor that covers a whole storage. */
  whole(storage: Storage, shape: Shape = [storage.length]): Tensor {
    return this.tensor(storage.name, shape, { storage, offset: 0 });
  }

  append<K extends OpName>(
    op: K,
    operands: Operations[K]['operands'],
    results: Operations[K]['results'],
    attributes: Operations[K]['attributes'],
  ): void {
    this.nodes.push({ op, operands, results, attributes } as AnyNode);
  }
}
