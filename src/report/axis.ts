/** Linear and logarithmic axes whose ends are known before a plot is drawn, so that labels can be placed. */

/** Ends of an axis with a tenth of room on both sides, but nothing below zero. */
export function linearDomain(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = high > low ? 0.1 * (high - low) : 0.1 * high || 1;
  return [Math.max(0, low - room), high + room];
}

/** Where a value lies on an axis: 0 at its begin, 1 at its end. */
export function axisPosition(value: number, [low, high]: readonly [number, number], logarithmic = false): number {
  const at = (x: number) => (logarithmic ? Math.log(x) : x);
  return (at(value) - at(low)) / (at(high) - at(low));
}
