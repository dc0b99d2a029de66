/**
 * Activations that are in memory at once when a device runs the network image by image: the sets of tensors behind the
 * peak of activation memory.
 *
 * Layers run in the order of the graph. An element-wise operation is done by the layer whose output it reads, on the
 * way to memory; so a tensor is stored if an operation with a window (convolution, pooling, classifier) reads it, or if
 * more than one operation does. While a layer runs, memory holds its inputs, its output (nothing is overwritten while
 * it is read, since widths differ) and whatever later layers still need, such as a shortcut.
 *
 * `widths.ts` says how wide they are; the averages of the last layer and the logits count 32 bits.
 */

import { elementCount, type Graph, operandsOf, resultsOf, type Tensor } from '../graph/index.js';
import { definitionOf } from '../ops/index.js';
import type { TensorSet, Width } from '../quant/index.js';
import { widthsOf } from './widths.js';

interface Stored {
  readonly tensor: Tensor;
  readonly width: Width;
  /** Stored tensors read by the layer that writes this one. */
  readonly reads: readonly Tensor[];
}

/**
 * The tensors in memory together, one set for each layer, with elements of one image.
 *
 * @param graph the network for inference, before fusion
 */
export function liveActivations(graph: Graph, images: Tensor, logits: Tensor): TensorSet[] {
  const stored = storedTensors(graph, images, logits);
  const lastUse = new Map(stored.flatMap(({ reads }, time) => reads.map((tensor) => [tensor, time] as const)));
  return stored.slice(1).map((_, before) => {
    const time = before + 1;
    const alive = stored.filter(({ tensor }, born) => born === time || (born < time && lastUse.get(tensor)! >= time));
    const counted = alive.map(({ tensor, width }) => ({ width, count: elementCount(tensor.shape.slice(1)) }));
    return {
      members: counted.flatMap(({ width, count }) => ('row' in width ? [{ row: width.row, count }] : [])),
      bits: counted.reduce((sum, { width, count }) => sum + ('bits' in width ? width.bits * count : 0), 0),
    };
  });
}

/** The stored tensors in the order in which they are written, the images first. */
function storedTensors(graph: Graph, images: Tensor, logits: Tensor): Stored[] {
  const widths = widthsOf(graph, images);
  // Images read only by a quantizer are quantized on their way to memory.
  const areStored = isReadFromMemory(graph, images);
  /** The stored tensors needed to compute a tensor. */
  const sources = new Map<Tensor, readonly Tensor[]>([[images, areStored ? [images] : []]]);
  const stored: Stored[] = areStored ? [{ tensor: images, width: widths.get(images)!, reads: [] }] : [];
  for (const node of graph.nodes) {
    const operands = operandsOf(node).filter((operand) => sources.has(operand));
    const [y] = resultsOf(node);
    if (operands.length === 0 || !y) continue;
    const reads = [...new Set(operands.flatMap((operand) => sources.get(operand)!))];
    const isStored = y === logits || isReadFromMemory(graph, y);
    if (isStored) stored.push({ tensor: y, width: widths.get(y)!, reads });
    sources.set(y, isStored ? [y] : reads);
    if (y === logits) break;
  }
  return stored;
}

function isReadFromMemory(graph: Graph, tensor: Tensor): boolean {
  const readers = graph.nodes.filter((node) => operandsOf(node).includes(tensor));
  return readers.length > 1 || readers.some((node) => !definitionOf(node).onTheWay);
}
