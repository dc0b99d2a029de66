/** Computes the effective ranges of all quantizers from their learned values, before the forward pass. */

import type { Quantizer } from '../quant/index.js';
import type { Definition, Operation } from './definition.js';
import { prepareQuantizers } from './quantizerTable.js';

const signature = { operands: { table: '[Q,2]' }, results: { ranges: '[Q,2]' } } as const;

export type PrepareQuantizers = Operation<typeof signature, { readonly rows: readonly Quantizer[] }>;

export const prepareQuantizersDefinition: Definition<PrepareQuantizers> = {
  op: 'prepareQuantizers',
  ...signature,
  check: ({ rows }, { Q }) => tableFault(rows, Q),
  // Gradients of quantizers are reduced to `sums` instead (see `quantizerUpdate`).
  gradient: 'none',
  compute: ({ table }, { ranges }, { rows }) => prepareQuantizers(rows, table, ranges),
};

/**
 * The error of a table with Q rows for these quantizers; null for none. Without quantizers the table has one unused
 * row.
 */
export function tableFault(rows: readonly Quantizer[], Q: number): string | null {
  const wanted = Math.max(1, rows.length);
  return Q === wanted ? null : `a table of ${Q} rows, right would be ${wanted}`;
}
