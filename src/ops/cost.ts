/**
 * The minimal cost of an operation: floating-point operations of its products, computed directly, and the bytes of its
 * operands and results, each moved once as 32 bits (bytes as 8). An engine may need less arithmetic (Winograd) or fewer
 * bytes (16-bit storage, fused operations), and needs more bytes if caches are too small.
 */

import { type AnyNode, resultsOf, type Tensors } from '../graph/graph.js';
import { channelsOf, elementCount, type Tensor } from '../graph/tensor.js';
import { definitionOf } from './index.js';

export interface Cost {
  /** A multiply-add counts as two; operations without products count zero. */
  readonly flops: number;
  readonly bytes: number;
}

export function costOf(node: AnyNode): Cost {
  return { flops: productFlops(node), bytes: movedBytes(node) };
}

/** Each element of the result (or of its gradient) is a sum over all weights of its channel. */
function productFlops(node: AnyNode): number {
  const { product } = definitionOf(node);
  if (!product) return 0;
  const tensors: Tensors = { ...node.operands, ...node.results };
  const [y, w] = product.map((name) => tensors[name]!) as [Tensor, Tensor];
  return (2 * elementCount(y.shape) * elementCount(w.shape)) / channelsOf(y);
}

function movedBytes(node: AnyNode): number {
  const { readsInPart = {}, updates = [] } = definitionOf(node);
  const [operands, results]: Tensors[] = [node.operands, node.results];
  let bytes = resultsOf(node).reduce((sum, tensor) => sum + bytesOf(tensor), 0);
  for (const [name, tensor] of Object.entries(operands!)) {
    if (!tensor) continue;
    const part = readsInPart[name] && results![readsInPart[name]];
    bytes += part ? bytesOf({ dtype: tensor.dtype, shape: part.shape }) : bytesOf(tensor);
    if (updates.includes(name)) bytes += bytesOf(tensor);
  }
  return bytes;
}

function bytesOf({ dtype, shape }: Pick<Tensor, 'dtype' | 'shape'>): number {
  return (dtype === 'uint8' ? 1 : 4) * elementCount(shape);
}
