/** Where a value lies on an axis: 0 at its begin, 1 at its end. */
export function axisPosition(value: number, [low, high]: readonly [number, number], logarithmic = false): number {
  const at = (x: number) => (logarithmic ? Math.log(x) : x);
  return (at(value) - at(low)) / (at(high) - at(low));
}
