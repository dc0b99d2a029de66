/** Tables by columns, each of which tells what an item has in it. */

import type { Column } from './document.js';

/** A column with the text that each item has in it; empty for no data. */
export interface ColumnOf<Item> extends Column {
  readonly cell: (item: Item) => string;
}

/** The columns in which some item has data, and a row of cells for each item. */
export function filledColumns<Item>(
  all: readonly ColumnOf<Item>[],
  items: readonly Item[],
): { readonly columns: readonly Column[]; readonly rows: readonly (readonly string[])[] } {
  const filled = all
    .map(({ title, align, cell }) => ({ column: { title, align }, cells: items.map(cell) }))
    .filter(({ cells }) => cells.some((text) => text !== ''));
  return {
    columns: filled.map(({ column }) => column),
    rows: items.map((_, index) => filled.map(({ cells }) => cells[index]!)),
  };
}
