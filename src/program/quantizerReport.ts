/** A report on the trained quantizers: rows of quantizers.csv, sizes, bits by tensor. */

import type { Variables } from '../nn/index.js';
import {
  bitOperations,
  bitOperationsPerGbop,
  coreOf,
  effectiveRange,
  floatBits,
  memorySets,
  networkCost,
  productCost,
  type Quantizer,
  tableSizes,
} from '../quant/index.js';

/** A quantizer at the end of an epoch, as a row of quantizers.csv; `null` for values that its kind does not have. */
export interface QuantizerRow {
  readonly epoch: number;
  readonly tensor: string;
  readonly role: Quantizer['role'];
  readonly kind: string;
  readonly bits: number;
  readonly d: number | null;
  readonly xmin: number | null;
  readonly xmax: number | null;
  /** 1 if signed, 0 if not; `null` in rows of older versions. */
  readonly signed: number | null;
}

/** Memory of all parameters and of the activations in kB of 1024 bytes, and the arithmetic of an image. */
export interface Sizes {
  readonly weights_kb: number;
  readonly activations_max_kb: number;
  readonly activations_sum_kb: number;
  /** kB of the activations in memory at once; `null` in rows of older versions. */
  readonly activations_peak_kb: number | null;
  /** Billions of bit operations of an image; `null` in rows of older versions. */
  readonly gbops: number | null;
  /** Cost of an image in the unit of the experiment's cost table; `null` without one. */
  readonly cost: number | null;
}

/** The sizes at the end of an epoch, as a row of sizes.csv. */
export interface SizesRow extends Sizes {
  readonly epoch: number;
}

export interface QuantizerReport {
  /** One row for each quantized tensor, even if several share a quantizer. */
  readonly rows: readonly QuantizerRow[];
  readonly sizes: Sizes;
  /** Bits by tensor; 32 if not quantized. */
  readonly bits: Readonly<Record<string, number>>;
}

/** The report. `table`: learned values, two a quantizer. */
export function quantizerReport(variables: Variables, table: ArrayLike<number>, epoch: number): QuantizerReport {
  const { bits: ofRows, sizes } = sizesOf(variables, table);
  const bits: Record<string, number> = {};
  for (const role of ['weight', 'activation'] as const) {
    for (const [name] of variables.unquantizedTensors(role)) bits[name] = floatBits;
  }
  const rows = variables.tensors.flatMap(({ name: tensor, row }): QuantizerRow[] => {
    if (row === null) return [];
    const quantizer = variables.quantizers[row]!;
    bits[tensor] = ofRows[row]!;
    const [e0, e1] = effectiveRange(quantizer, table[2 * row]!, table[2 * row + 1]!);
    const uniform = /uniform/i.test(coreOf(quantizer.kind));
    return [
      {
        epoch,
        tensor,
        role: quantizer.role,
        kind: quantizer.kind,
        bits: ofRows[row]!,
        d: uniform ? e0 : null,
        xmin: uniform ? null : e0,
        xmax: e1,
        signed: quantizer.signed ? 1 : 0,
      },
    ];
  });
  return { rows, bits, sizes };
}

/** The bits of all quantizers by row, and the sizes, under the names used in files. */
export function sizesOf(
  { counted, costs }: Variables,
  table: ArrayLike<number>,
): { readonly bits: readonly number[]; readonly sizes: Sizes } {
  const { quantizers, unquantized, products } = counted;
  const of = tableSizes(quantizers, table, unquantized);
  return {
    bits: of.bits,
    sizes: {
      weights_kb: of.weightKbytes,
      activations_max_kb: of.activationMaxKbytes,
      activations_sum_kb: of.activationSumKbytes,
      activations_peak_kb: of.activationPeakKbytes,
      gbops: productCost(products, of.bits, bitOperations) / bitOperationsPerGbop,
      cost: costs && networkCost(costs, products, memorySets(quantizers, unquantized), of.bits),
    },
  };
}

/** The tensor of a quantizer: the weight's name, or the scope whose output the activation is. */
export function tensorOf(quantizer: string): string {
  return quantizer.replace(/(\/A)?quant$/, '');
}
