/** The middle of the values, the upper one of two: what a measurement on a shared machine is reported by. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
