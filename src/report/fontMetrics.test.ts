import { Resvg } from '@resvg/resvg-js';
import { expect, it } from 'vitest';
import { FONT_FAMILY, type FontWeight, fontFile, textWidth } from './fontMetrics.js';

/** Advance of a character as the rasterizer lays it out: how much wider the ink of eleven is than that of one. */
function rasterizedAdvance(character: string, fontSize: number, weight: FontWeight): number {
  const [one, eleven] = [1, 11].map((count) => {
    const text = `<text y="50" font-size="${fontSize}" font-weight="${weight}">${character.repeat(count)}</text>`;
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="900" height="90">${text}</svg>`;
    const font = { loadSystemFonts: false, fontFiles: [fontFile(weight)], defaultFontFamily: FONT_FAMILY };
    return new Resvg(svg, { font }).innerBBox()?.width ?? Number.NaN;
  });
  return (eleven! - one!) / 10;
}

it.each(['i', 'W', '0', '_', '·', 'é', '…'])('measures %s as the rasterizer draws it', (character) => {
  for (const weight of ['normal', 'bold'] as const) {
    // Ink is measured in whole pixels, so the advance is known to a tenth.
    const difference = textWidth(character, 40, weight) - rasterizedAdvance(character, 40, weight);
    expect(Math.abs(difference)).toBeLessThanOrEqual(0.1);
  }
});

it('adds up the characters of a text', () => {
  expect(textWidth('bits', 10)).toBeCloseTo(
    textWidth('b', 10) + textWidth('i', 10) + textWidth('t', 10) + textWidth('s', 10),
  );
  expect(textWidth('', 10)).toBe(0);
});
