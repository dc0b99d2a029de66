/**
 * Colours of one bit, two, … to eight, which more look like: ColorBrewer's YlGnBu, whose lightness alone orders them, so that
 * any colour vision reads it (https://colorbrewer2.org).
 */
export const bitColors: readonly string[] = [
  '#ffffd9',
  '#edf8b1',
  '#c7e9b4',
  '#7fcdbb',
  '#41b6c4',
  '#1d91c0',
  '#225ea8',
  '#0c2c84',
];

/** The place of the colour for so many bits. */
export function colorIndex(bits: number): number {
  return Math.max(1, Math.min(bitColors.length, Math.round(bits))) - 1;
}
