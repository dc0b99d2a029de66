/**
 * A graph: operations in the order in which they run, on tensors with static shapes.
 *
 * The builders in `ops/` append nodes, `gradients.ts` appends the backward pass as more nodes, `fusion.ts` and
 * `pruning.ts` rewrite the list, `plan.ts` turns it into what an engine replays.
 */

import type { Attributes, OpName } from '../ops/attributes.js';
import type { DType, Shape, Storage, StorageView, Tensor } from './tensor.js';

export interface Node<K extends OpName = OpName> {
  readonly op: K;
  /** `null` stands for an optional operand that is absent. */
  readonly inputs: readonly (Tensor | null)[];
  readonly outputs: readonly Tensor[];
  readonly attributes: Attributes[K];
}

/** A node of any operation, such that `node.op` decides the type of `node.attributes`. */
export type AnyNode = { [K in OpName]: Node<K> }[OpName];

export class Graph {
  readonly nodes: AnyNode[] = [];
  /** Gives every tensor of graphs that share it a number of its own. */
  readonly #ids: { next: number };

  constructor(ids: { next: number } = { next: 0 }) {
    this.#ids = ids;
  }

  /** A transient tensor, or a view of a storage. */
  tensor(name: string, shape: Shape, view: StorageView | null = null, dtype: DType = 'float'): Tensor {
    return { id: this.#ids.next++, name, shape, dtype: view?.storage.dtype ?? dtype, view };
  }

  /** A tensor that covers a whole storage. */
  whole(storage: Storage, shape: Shape = [storage.length]): Tensor {
    return this.tensor(storage.name, shape, { storage, offset: 0 });
  }

  append<K extends OpName>(
    op: K,
    inputs: readonly (Tensor | null)[],
    outputs: readonly Tensor[],
    attributes: Attributes[K],
  ): void {
    this.nodes.push({ op, inputs, outputs, attributes } as AnyNode);
  }
}
