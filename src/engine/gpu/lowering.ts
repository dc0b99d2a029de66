/** Lowers the nodes of a phase to kernel calls, in order. */

import { type AnyNode, type Node, type OpName, operandsOf } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import { checkParts, inOrderOfFewWaits } from './dispatchOrder.js';
import { joinedSums } from './joinedSums.js';
import type { KernelCall, Placement } from './kernel.js';
import { activationGradients, activations } from './kernels/activations.js';
import * as batchNorm from './kernels/batchNorm.js';
import * as normGradients from './kernels/batchNormGradient.js';
import * as channels from './kernels/channels.js';
import { conv2d, conv2dInputGradient, conv2dWeightGradient, reducedInputGradient } from './kernels/convolution.js';
import { depthwiseConv2d, depthwiseConv2dInputGradient, depthwiseConv2dWeightGradient } from './kernels/depthwise.js';
import * as elementwise from './kernels/elementwise.js';
import { gatherBatch, gatherTargets } from './kernels/gather.js';
import {
  groupedConv2d,
  groupedConv2dInputGradient,
  groupedConv2dWeightGradient,
} from './kernels/groupedConvolution.js';
import * as linear from './kernels/linear.js';
import * as loss from './kernels/loss.js';
import { channelMoments } from './kernels/moments.js';
import * as pooling from './kernels/pooling.js';
import * as quantizeChannels from './kernels/quantizeChannels.js';
import { recordMetrics } from './kernels/recordMetrics.js';
import * as update from './kernels/update.js';
import { mostKept } from './placement.js';
import { pooledNorms } from './pooledNorms.js';
import { absorbedBy, shortcutNorms } from './shortcutNorms.js';
import { dispatchedTogether, isTogether, type Together } from './together.js';

export type Lowering<K extends OpName> = (node: Node<K>, placement: Placement) => KernelCall[];

/** A kernel call and the nodes that it computes, or has a part in computing. */
export interface LoweredCall {
  readonly nodes: readonly AnyNode[];
  readonly call: KernelCall;
}

type NodeWithMoments = Node<'conv2d' | 'depthwiseConv2d' | 'groupedConv2d' | 'channelMoments'>;

export function lowerPhase(nodes: readonly AnyNode[], { scratch, ...others }: Placement): LoweredCall[] {
  const { norms, pools, reductions, averages } = pooledNorms(nodes);
  const ofShortcuts = shortcutNorms(nodes);
  const absorbed = new Set<AnyNode>([
    ...norms.values(),
    ...pools.values(),
    ...averages.values(),
    ...absorbedBy(ofShortcuts),
  ]);
  const masking = new Map(reductions);
  /** Reductions that a product has computed, with the kernel that adds up their partial sums. */
  const reduced = new Map<AnyNode, KernelCall>();
  const kept = () => [...reduced.values()].flatMap(({ sums }) => sums!.map(({ partials }) => partials));
  const placement: Placement = { ...others, scratch: (length) => scratch(length, kept()) };
  const absorbStatistics = (node: NodeWithMoments) => {
    const statistics = statisticsOf(node, nodes);
    if (statistics) absorbed.add(statistics);
    return statistics;
  };
  /** Whether the only reader of dz computes it again; such readers are remembered. */
  const masksAgain = (node: Node<'batchNormGradientReduce'>): boolean => {
    const reader = soleReader(node.results.dz, nodes);
    const isMaskedAgain = reader?.op === 'batchNormGradientApply' && normGradients.canComputeDzAgain(node, placement);
    if (isMaskedAgain) masking.set(reader, node);
    return isMaskedAgain;
  };
  const callsOf = (node: AnyNode): KernelCall[] => {
    switch (node.op) {
      case 'conv2d':
        return conv2d(node, placement, absorbStatistics(node));
      case 'depthwiseConv2d':
        return depthwiseConv2d(node, placement, absorbStatistics(node));
      case 'groupedConv2d':
        return groupedConv2d(node, placement, absorbStatistics(node));
      case 'channelMoments':
        return channelMoments(node, placement, absorbStatistics(node));
      case 'maxPool':
        return pooling.maxPool(node, placement, norms.get(node));
      case 'conv2dInputGradient': {
        const reader = soleReader(node.results.dx, nodes);
        const isReduced = reader?.op === 'batchNormGradientReduce' && normGradients.isReducedInPlace(reader, placement);
        if (!isReduced || ofShortcuts.reductions.has(reader) || reduced.size === mostKept)
          return lower(node, placement);
        const behind = { node: reader, storesDz: !masksAgain(reader) };
        const [product, sums] = reducedInputGradient(node, placement, behind) ?? [];
        if (!product || !sums) return lower(node, placement);
        reduced.set(reader, sums);
        return [product];
      }
      case 'batchNormGradientReduce': {
        const pool = pools.get(node);
        if (pool) return normGradients.batchNormGradientReduce(node, placement, false, pool);
        const sums = reduced.get(node);
        reduced.delete(node);
        if (sums) return [sums];
        const ofShortcut = ofShortcuts.reductions.get(node);
        const average = averages.get(node) ?? null;
        const storesDz = average !== null || !masksAgain(node);
        return normGradients.batchNormGradientReduce(node, placement, storesDz, average, ofShortcut);
      }
      case 'batchNormGradientApply': {
        const ofShortcut = ofShortcuts.applications.get(node);
        return normGradients.batchNormGradientApply(node, placement, masking.get(node), pools.get(node), ofShortcut);
      }
      case 'batchNorm':
        return batchNorm.batchNorm(node, placement, ofShortcuts.norms.get(node));
      default:
        return lower(node, placement);
    }
  };
  const calls = dispatchedTogether(nodes, placement).flatMap((group): LoweredCall[] => {
    const node = group[0]!;
    if (absorbed.has(node)) return [];
    const own = isTogether(group) ? lowerTogether(group, placement) : callsOf(node);
    return own.map((call) => ({ nodes: group, call }));
  });
  const ordered = inOrderOfFewWaits(joinedSums(linear.joinedProducts(calls), placement));
  checkParts(ordered.map(({ call }) => call));
  return ordered;
}

function lowerTogether(group: readonly [Together, ...Together[]], placement: Placement): KernelCall[] {
  const { op } = group[0];
  switch (op) {
    case 'activation':
      return [activations(group as readonly Node<'activation'>[], placement)];
    case 'activationGradient':
      return activationGradients(group as readonly Node<'activationGradient'>[], placement);
    case 'runningStatistics':
      return [batchNorm.statisticsTogether(group as readonly Node<'runningStatistics'>[], placement)];
    default:
      return op satisfies never;
  }
}

/** The node that turns moments into statistics, if it comes next and nothing else reads them. */
function statisticsOf(node: NodeWithMoments, nodes: readonly AnyNode[]): Node<'batchStatistics'> | null {
  const reader = soleReader(node.results.moments, nodes);
  const isNext = nodes.indexOf(node as AnyNode) + 1 === (reader ? nodes.indexOf(reader) : -1);
  return isNext && reader?.op === 'batchStatistics' ? reader : null;
}

/** The only node that reads a tensor which only nodes can read. */
function soleReader(tensor: Tensor | null, nodes: readonly AnyNode[]): AnyNode | null {
  const readers = nodes.filter((node) => tensor && !tensor.view && operandsOf(node).includes(tensor));
  return readers.length === 1 ? readers[0]! : null;
}

/** An operation without a lowering does not compile. */
export const lowerings: { readonly [K in OpName]: Lowering<K> } = {
  gatherBatch,
  gatherTargets,
  conv2d,
  conv2dInputGradient,
  conv2dWeightGradient,
  depthwiseConv2d,
  depthwiseConv2dInputGradient,
  depthwiseConv2dWeightGradient,
  groupedConv2d,
  groupedConv2dInputGradient,
  groupedConv2dWeightGradient,
  channelMoments,
  recordMetrics,
  ...elementwise,
  ...channels,
  ...quantizeChannels,
  ...batchNorm,
  ...normGradients,
  ...pooling,
  ...linear,
  ...loss,
  ...update,
};

/** Lowers a node. TypeScript cannot see through a union of nodes that each name has a lowering of its type. */
function lower<K extends OpName>(node: Node<K> | AnyNode, placement: Placement): KernelCall[] {
  const lowering = lowerings[node.op] as (node: Node<OpName> | AnyNode, placement: Placement) => KernelCall[];
  return lowering(node, placement);
}
