/** Widths of networks whose channels have a factor. */

/** The nearest multiple of eight, but not more than a tenth below; at least eight. */
export function byEight(channels: number): number {
  const nearest = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return nearest < 0.9 * channels ? nearest + 8 : nearest;
}
