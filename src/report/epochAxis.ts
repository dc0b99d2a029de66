/** The x axis of all curves: whole epochs. */

/** First and last epoch; a single epoch is in the middle of its axis. */
export function epochDomain(epochs: readonly number[]): [number, number] {
  const first = epochs.reduce((low, epoch) => Math.min(low, epoch), Number.POSITIVE_INFINITY);
  const last = epochs.reduce((high, epoch) => Math.max(high, epoch), Number.NEGATIVE_INFINITY);
  return first === last ? [first - 0.5, last + 0.5] : [first, last];
}

/** Vega-Lite's axis for epochs: whole numbers only. */
export function epochAxis(): { title: string; format: string; tickMinStep: number; tickCount: number; grid: boolean } {
  return { title: 'epoch', format: 'd', tickMinStep: 1, tickCount: 8, grid: false };
}
