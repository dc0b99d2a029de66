/** Effective ranges of all quantizers from their learned values, before the forward pass. */

import type { Quantizer } from '../quant/index.js';
import type { Definition, Operation } from './definition.js';
import { prepareQuantizers } from './quantizerTable.js';

const signature = { operands: { table: '[Q,2]' }, results: { ranges: '[Q,2]' } } as const;

export type PrepareQuantizers = Operation<typeof signature, { readonly rows: readonly Quantizer[] }>;

export const prepareQuantizersDefinition: Definition<PrepareQuantizers> = {
  op: 'prepareQuantizers',
  ...signature,
  check: ({ rows }, { Q }) => tableFault(rows, Q),
  // Gradients of quantizers do not come through here, but as sums (see `quantizerUpdate`).
  gradient: 'none',
  compute: ({ table }, { ranges }, { rows }) => prepareQuantizers(rows, table, ranges),
};

/** A table has a row a quantizer, and one that nobody reads where there are no quantizers. */
export function tableFault(rows: readonly Quantizer[], Q: number): string | null {
  const wanted = Math.max(1, rows.length);
  return Q === wanted ? null : `a table of ${Q} rows, right would be ${wanted}`;
}
