/**
 * Batch normalisations that only max pooling reads: the first layer of many networks, whose images are the largest. Both are
 * computed by one kernel, and so are their gradients, each time from what the other would have stored: the tensors between
 * them need no memory and no traffic. So is the gradient of the mean over all pixels behind a normalisation.
 */

import { type AnyNode, type Node, operandsOf } from '../../graph/graph.js';
import { channelsOf, type Tensor } from '../../graph/tensor.js';

export interface PooledNorms {
  /** Normalisations by the pooling that computes them. */
  readonly norms: ReadonlyMap<AnyNode, Node<'batchNorm'>>;
  /** Poolings, by either half of a normalisation's gradient, which computes their gradients. */
  readonly pools: ReadonlyMap<AnyNode, Node<'maxPoolGradient'>>;
  /** First halves by second ones. */
  readonly reductions: ReadonlyMap<AnyNode, Node<'batchNormGradientReduce'>>;
  /** Gradients of the mean over all pixels, by the first half of a normalisation's, which computes them. */
  readonly averages: ReadonlyMap<AnyNode, Node<'globalAveragePoolGradient'>>;
}

/** The normalisations of a phase that are computed with the pooling behind them, which is the next node. */
export function pooledNorms(nodes: readonly AnyNode[]): PooledNorms {
  const norms = new Map<AnyNode, Node<'batchNorm'>>();
  const pools = new Map<AnyNode, Node<'maxPoolGradient'>>();
  const reductions = new Map<AnyNode, Node<'batchNormGradientReduce'>>();
  const averages = new Map<AnyNode, Node<'globalAveragePoolGradient'>>();
  const isOnlyFor = (tensor: Tensor, reader: AnyNode) =>
    !tensor.view && nodes.every((node) => node === reader || !operandsOf(node).includes(tensor));
  for (const [index, first] of nodes.entries()) {
    const [second, third] = [nodes[index + 1], nodes[index + 2]];
    if (first.op === 'batchNorm' && second?.op === 'maxPool') {
      const { y } = first.results;
      if (second.operands.x === y && isOnlyFor(y, second) && canBePooled(first)) norms.set(second, first);
    }
    if (first.op === 'globalAveragePoolGradient' && second?.op === 'batchNormGradientReduce') {
      const { dx } = first.results;
      if (second.operands.dy === dx && isOnlyFor(dx, second)) averages.set(second, first);
    }
    if (first.op !== 'maxPoolGradient' || second?.op !== 'batchNormGradientReduce') continue;
    if (third?.op !== 'batchNormGradientApply') continue;
    const [{ dx }, { dz }] = [first.results, second.results];
    if (second.operands.dy !== dx || third.operands.dz !== dz || !canBePooled(second)) continue;
    if (!isOnlyFor(dx, second) || !isOnlyFor(dz, third)) continue;
    pools.set(second, first).set(third, first);
    reductions.set(third, second);
  }
  return { norms, pools, reductions, averages };
}

/** Four places of maxima share a word, which an invocation stores. */
function canBePooled({ operands: { x, shortcut } }: Node<'batchNorm' | 'batchNormGradientReduce'>): boolean {
  return !shortcut && channelsOf(x) % 4 === 0;
}

/**
 * The nodes of a phase with the operands and results for which their kernels need memory. The second half of a
 * normalisation's gradient may mask again what the first one has, and reads what that reads.
 */
export function nodesInMemory(nodes: readonly AnyNode[]): AnyNode[] {
  const { norms, pools, averages } = pooledNorms(nodes);
  const absorbed = new Set<AnyNode>([...norms.values(), ...pools.values(), ...averages.values()]);
  const firstHalves = new Map(
    nodes.flatMap((node) => (node.op === 'batchNormGradientReduce' ? [[node.results.dz, node] as const] : [])),
  );
  return nodes.flatMap((node): AnyNode[] => {
    if (absorbed.has(node)) return [];
    const norm = norms.get(node);
    if (norm) return [{ ...node, operands: norm.operands } as AnyNode];
    const average = averages.get(node);
    if (average) return [{ ...node, operands: { ...node.operands, dy: average.operands.dy } } as AnyNode];
    const pool = pools.get(node);
    const first = node.op === 'batchNormGradientApply' ? firstHalves.get(node.operands.dz)?.operands : null;
    if (!pool) {
      const masks = first && { beta: first.beta, ranges: first.ranges };
      return [{ ...node, operands: { ...node.operands, ...masks } } as AnyNode];
    }
    const { dz: _, ...results } = node.results as { readonly dz?: Tensor };
    const reads = { ...node.operands, ...first, dz: null, ...pool.operands };
    return [{ ...node, operands: reads, results } as unknown as AnyNode];
  });
}
