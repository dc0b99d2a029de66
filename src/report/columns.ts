/** Columns of a table by what each item has in them. */

import type { Column } from './document.js';

/** A column with the text that each item has in it; empty for no data. */
export interface ColumnOf<Item> extends Column {
  readonly cell: (item: Item) => string;
}

/** The columns in which some item has data. */
export function filledColumns<Item>(
  columns: readonly ColumnOf<Item>[],
  items: readonly Item[],
): readonly ColumnOf<Item>[] {
  return columns.filter(({ cell }) => items.some((item) => cell(item) !== ''));
}
