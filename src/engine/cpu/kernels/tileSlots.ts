/**
 * Slots of a call's tiles in the arrays of a place. Only the last row of a full tile's results needs the last row of places, of the
 * point ∞, and its last column the last column of places. So that tiles that need products in a place follow one another, slots
 * are given to full rows with shorter columns, full rows with full columns, shorter rows with full columns, shorter rows with
 * shorter columns.
 */

/** The first of the slots whose tiles need products in a place, of the last column of places or not. */
@inline
export function firstSlotOf(isLastColumn: bool, fullRows: i32, columns: i32, fullColumns: i32): i32 {
  return isLastColumn ? fullRows * (columns - fullColumns) : 0;
}

/** The end of the slots whose tiles need products in a place. `rows`: all rows of tiles of the call. */
@inline
export function endSlotOf(
  isLastRow: bool,
  isLastColumn: bool,
  fullRows: i32,
  rows: i32,
  columns: i32,
  fullColumns: i32,
): i32 {
  if (isLastRow) return fullRows * columns;
  return fullRows * columns + (rows - fullRows) * (isLastColumn ? fullColumns : columns);
}

/** Writes the slots of a row of listed tiles, `entryBytes` apart, before which there are `fullBefore` full and `shorterBefore` rows. */
@inline
export function storeSlots(
  slots: usize,
  entryBytes: usize,
  isFull: bool,
  fullBefore: i32,
  shorterBefore: i32,
  fullRows: i32,
  rows: i32,
  columns: i32,
  fullColumns: i32,
): void {
  const shorterColumns = columns - fullColumns;
  let slot = fullRows * shorterColumns + fullBefore * fullColumns;
  let shorterSlot = fullBefore * shorterColumns;
  if (!isFull) {
    slot = fullRows * columns + shorterBefore * fullColumns;
    shorterSlot = fullRows * columns + (rows - fullRows) * fullColumns + shorterBefore * shorterColumns;
  }
  for (let column = 0; column < columns; column++, slots += entryBytes) {
    store<i32>(slots, column < fullColumns ? slot++ : shorterSlot++);
  }
}
