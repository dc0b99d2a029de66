/**
 * Arithmetic costs of a network for one image: each multiply-add costs by the widths of its two operands. The product
 * of the widths counts bit operations (BOPs), the AND gates and adders of a multiplication of that many bits (Baskin et
 * al., "UNIQ", 2018, without their term for the accumulator).
 */
import { floatBits } from './inferredBitwidth.js';

/** Width of a tensor: the bits of a quantizer, by its row, or a constant. */
export type Width = { readonly row: number } | { readonly bits: number };

/** A layer's multiply-adds for one image, and the widths of their factors. */
export interface Product {
  readonly multiplyAdds: number;
  readonly weight: Width;
  readonly input: Width;
}

/** The cost of one multiply-add by the bits of its weight and of its input; it does not decrease with more bits. */
export type MultiplyAddCost = (weightBits: number, inputBits: number) => number;

/** Bit operations of one multiply-add. */
export const bitOperations: MultiplyAddCost = (weightBits, inputBits) => weightBits * inputBits;

/** Bit operations in a GBOP. */
export const bitOperationsPerGbop = 1e9;

/** The cost of all products with these bits of the quantizers, by row. */
export function productCost(products: readonly Product[], bits: readonly number[], cost: MultiplyAddCost): number {
  return products.reduce(
    (sum, { multiplyAdds, weight, input }) => sum + multiplyAdds * cost(bitsOf(weight, bits), bitsOf(input, bits)),
    0,
  );
}

/** A width in bits. `bits`: those of the quantizers, by row. */
export function bitsOf(width: Width, bits: readonly number[]): number {
  return 'row' in width ? bits[width.row]! : width.bits;
}

/** The width of tensors that are not quantized. */
export const floatWidth: Width = { bits: floatBits };
