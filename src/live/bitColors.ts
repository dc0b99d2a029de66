/**
 * Colours for 1 to 8 bits, the last one for more: ColorBrewer's YlGnBu, which is ordered by lightness alone, so that it
 * can be read with any colour vision (https://colorbrewer2.org).
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

/** The index of the colour for a number of bits. */
export function colorIndex(bits: number): number {
  return Math.max(1, Math.min(bitColors.length, Math.round(bits))) - 1;
}
