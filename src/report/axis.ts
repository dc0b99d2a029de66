/** Linear and logarithmic axes whose ends are known before a plot is drawn, so that labels can be placed. */

/** Ends of an axis with a tenth of room on both sides, but nothing below zero. */
export function linearDomain(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = high > low ? 0.1 * (high - low) : 0.1 * high || 1;
  return [Math.max(0, low - room), high + room];
}

/** Ratio of sizes, such as of a float run and quantized ones, from which their axis is logarithmic. */
const LOGARITHMIC_RATIO = 6;

/** Ends of a logarithmic axis with a quarter of room on both sides; `null` for sizes that a linear one tells apart. */
export function logarithmicDomain(sizes: readonly number[]): [number, number] | null {
  const [low, high] = [Math.min(...sizes), Math.max(...sizes)];
  return low > 0 && high > LOGARITHMIC_RATIO * low ? [low / 1.25, high * 1.25] : null;
}

/** Vega-Lite's scale and axis between these ends, with ticks at powers of two. */
export function logarithmicAxis([low, high]: readonly [number, number]): { scale: object; axis: object } {
  const values: number[] = [];
  for (let k = Math.ceil(Math.log2(low)); 2 ** k <= high; k++) values.push(2 ** k);
  return { scale: { type: 'log', base: 2, domain: [low, high], nice: false }, axis: { format: '~f', values } };
}

/** Where a value lies on an axis: 0 at its begin, 1 at its end. */
export function axisPosition(value: number, [low, high]: readonly [number, number], logarithmic = false): number {
  const at = (x: number) => (logarithmic ? Math.log(x) : x);
  return (at(value) - at(low)) / (at(high) - at(low));
}
