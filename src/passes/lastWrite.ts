import type { AnyNode } from '../graph/graph.js';
import { elementCount } from '../graph/index.js';
import { writtenBy } from '../ops/writtenBy.js';

/** A range of elements in a storage. */
export interface StorageRange {
  readonly storage: string;
  readonly offset: number;
  readonly length: number;
}

/** The index of the last node that writes to a range of a storage; -1 for none. */
export function lastWrite(nodes: readonly AnyNode[], { storage, offset, length }: StorageRange): number {
  return nodes.findLastIndex((node) =>
    writtenBy(node).some(({ view, shape }) => {
      if (view?.storage.name !== storage) return false;
      return view.offset < offset + length && offset < view.offset + elementCount(shape);
    }),
  );
}
