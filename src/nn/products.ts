/** Multiply-adds of a network's layers, and the widths of their factors. */

import { type Graph, operandsOf, type Tensor } from '../graph/index.js';
import { costOf } from '../ops/cost.js';
import { definitionOf } from '../ops/index.js';
import { floatWidth, type Product } from '../quant/index.js';
import { widthsOf } from './widths.js';

/**
 * The products for one image, in the order of the network.
 *
 * @param graph the network for inference, before fusion
 */
export function productsOf(graph: Graph, images: Tensor): Product[] {
  const widths = widthsOf(graph, images);
  const batch = images.shape[0]!;
  return graph.nodes.flatMap((node): Product[] => {
    const { product } = definitionOf(node);
    if (!product) return [];
    const [input, weight] = operandsOf(node).map((tensor) => widths.get(tensor) ?? floatWidth);
    // A multiply-add is two operations.
    return [{ multiplyAdds: costOf(node).flops / 2 / batch, weight: weight!, input: input! }];
  });
}
