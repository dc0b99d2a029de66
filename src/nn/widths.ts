/**
 * Widths of a network's tensors on a device: the output of a quantizer has its bits. Operations that keep the values of
 * their operand, such as a maximum, keep its width, and so do those that join values of one width. Images are bytes, or
 * have their quantizer's bits. Any other tensor counts 32 bits.
 */

import { type AnyNode, type Graph, operandsOf, resultsOf, type Tensor } from '../graph/index.js';
import { activationOf, definitionOf } from '../ops/index.js';
import { floatWidth, type Width } from '../quant/index.js';

/** Bits of the numbers of an image. */
const imageWidth: Width = { bits: 8 };

/** The widths of the images and of all tensors that the nodes of a network write. */
export function widthsOf(graph: Graph, images: Tensor): ReadonlyMap<Tensor, Width> {
  const widths = new Map<Tensor, Width>([[images, imageWidth]]);
  for (const node of graph.nodes) {
    const [result] = resultsOf(node);
    const operands = operandsOf(node).map((operand) => widths.get(operand) ?? floatWidth);
    // In a program a node gathers the images, too.
    if (result && result !== images) widths.set(result, widthOf(node, operands));
  }
  return widths;
}

function widthOf(node: AnyNode, [first = floatWidth, ...others]: readonly Width[]): Width {
  if (node.op === 'quantizeChannels') return { row: node.attributes.row };
  const { values } = definitionOf(node);
  if (values === 'kept') return first;
  if (values === 'joined') return others.every((other) => isSame(first, other)) ? first : floatWidth;
  const activation = activationOf(node);
  return activation?.type === 'quantize' ? { row: activation.row } : floatWidth;
}

function isSame(one: Width, other: Width): boolean {
  return 'row' in one ? 'row' in other && one.row === other.row : 'bits' in other && one.bits === other.bits;
}
