/** Numbers of channels of networks with a width multiplier. */

/** The nearest multiple of eight that is at least 8 and at least nine tenths of `channels`. */
export function byEight(channels: number): number {
  const nearest = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return nearest < 0.9 * channels ? nearest + 8 : nearest;
}
