/**
 * Costs of one image on a device, in the unit of a table: for each multiply-add by the widths of its operands, for each
 * bit of the weights (read once) and of the activations, and for each activation regardless of its bits.
 */
import { floatBits } from './inferredBitwidth.js';
import type { MultiplyAddCost, Product } from './products.js';
import { bitsOf, productCost } from './products.js';
import { type MemorySets, setBits, type TensorSet } from './sizes.js';

export interface CostTable {
  /** Costs of multiply-adds. Widths between two entries cost as much as the next larger one. */
  readonly multiplyAdds: readonly { readonly weightBits: number; readonly inputBits: number; readonly cost: number }[];
  readonly weightBit: number;
  readonly activationBit: number;
  readonly activation: number;
}

/** The lowest cost of the entries that are at least as wide; that of `beyond`, by default infinite, if there is none. */
export function multiplyAddCost({ multiplyAdds }: CostTable, beyond: MultiplyAddCost = infinite): MultiplyAddCost {
  return (weightBits, inputBits) => {
    let lowest = Number.POSITIVE_INFINITY;
    for (const entry of multiplyAdds) {
      if (entry.weightBits >= weightBits && entry.inputBits >= inputBits) lowest = Math.min(lowest, entry.cost);
    }
    return lowest < Number.POSITIVE_INFINITY ? lowest : beyond(weightBits, inputBits);
  };
}

const infinite: MultiplyAddCost = () => Number.POSITIVE_INFINITY;

/**
 * A finite cost of multiply-adds that are wider than every entry: far above that of any network, and lower with fewer
 * bits, so that bits are taken where that leads to the entries.
 */
export const costBeyond: MultiplyAddCost = (weightBits, inputBits) => 1e30 * weightBits * inputBits;

/** The widths of a multiply-add wider than every entry, with these bits; null if there is none. */
export function uncoveredWidths(
  table: CostTable,
  products: readonly Product[],
  bits: readonly number[],
): readonly [weightBits: number, inputBits: number] | null {
  const cost = multiplyAddCost(table);
  const widths = products.map(({ weight, input }) => [bitsOf(weight, bits), bitsOf(input, bits)] as const);
  return widths.find(([weightBits, inputBits]) => cost(weightBits, inputBits) === Number.POSITIVE_INFINITY) ?? null;
}

/** The cost of a network with these bits of its quantizers, by row. `beyond`: that of multiply-adds wider than every entry. */
export function networkCost(
  table: CostTable,
  products: readonly Product[],
  { weights, sum }: MemorySets,
  bits: readonly number[],
  beyond?: MultiplyAddCost,
): number {
  const kept = (sets: MemorySets['sum']) => sets.reduce((total, set) => total + setBits(set, bits), 0);
  return (
    productCost(products, bits, multiplyAddCost(table, beyond)) +
    table.weightBit * kept(weights) +
    table.activationBit * kept(sum) +
    table.activation * sum.reduce((total, set) => total + elementsOf(set), 0)
  );
}

/** Number of elements of a set of tensors. */
function elementsOf({ members, bits }: TensorSet): number {
  return members.reduce((total, { count }) => total + count, bits / floatBits);
}
