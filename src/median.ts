/**
 * The median of the values, the upper one of the two middle ones. Measurements on a shared machine are reported by it.
 */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
