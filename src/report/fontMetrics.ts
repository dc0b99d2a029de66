/**
 * Advance widths of the plots' font, read from its TrueType tables.
 *
 * Vega lays out axes, legends and titles by the width of their text. Without a canvas it guesses 0.8 em a character, a
 * third too much for most labels, so margins become ragged. The three tables needed (`cmap`, `hhea`, `hmtx`; see the
 * OpenType specification) are small, and with them the layout is exact on a machine without any font installed.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

export type FontWeight = 'normal' | 'bold';

export const FONT_FAMILY = 'DejaVu Sans';

const FILES: Readonly<Record<FontWeight, string>> = { normal: 'DejaVuSans.ttf', bold: 'DejaVuSans-Bold.ttf' };

/** Advance width in em by character code; a missing character has the width of the font's first glyph, the box. */
type Advances = (code: number) => number;

const loaded = new Map<FontWeight, Advances>();

/** Path of the font file, for the rasterizer. */
export function fontFile(weight: FontWeight): string {
  return createRequire(import.meta.url).resolve(`dejavu-fonts-ttf/ttf/${FILES[weight]}`);
}

/** Width in pixels of one line of text in the plots' font (without kerning, which is below 1 % here). */
export function textWidth(text: string, fontSize: number, weight: FontWeight = 'normal'): number {
  let advances = loaded.get(weight);
  if (advances === undefined) {
    advances = readAdvances(readFileSync(fontFile(weight)));
    loaded.set(weight, advances);
  }
  let em = 0;
  for (const character of text) em += advances(character.codePointAt(0) ?? 0);
  return em * fontSize;
}

function readAdvances(font: Buffer): Advances {
  const tables = new Map<string, number>();
  for (let i = 0; i < font.readUInt16BE(4); i++) {
    const entry = 12 + 16 * i;
    tables.set(font.toString('latin1', entry, entry + 4), font.readUInt32BE(entry + 8));
  }
  const table = (tag: string): number => {
    const offset = tables.get(tag);
    if (offset === undefined) throw new Error(`the font has no ${tag} table`);
    return offset;
  };
  const unitsPerEm = font.readUInt16BE(table('head') + 18);
  const metrics = font.readUInt16BE(table('hhea') + 34);
  const hmtx = table('hmtx');
  const glyphOf = readCharacterMap(font, table('cmap'));
  return (code) => font.readUInt16BE(hmtx + 4 * Math.min(glyphOf(code), metrics - 1)) / unitsPerEm;
}

/** The Unicode map of format 4: segments of codes, each with an offset to add or a list of glyphs. */
function readCharacterMap(font: Buffer, cmap: number): (code: number) => number {
  let map = -1;
  for (let i = 0; i < font.readUInt16BE(cmap + 2); i++) {
    const offset = cmap + font.readUInt32BE(cmap + 8 + 8 * i);
    if (font.readUInt16BE(offset) === 4) map = offset;
  }
  if (map < 0) throw new Error('the font has no character map of format 4');
  const doubledCount = font.readUInt16BE(map + 6);
  const ends = map + 14;
  const starts = ends + doubledCount + 2;
  const deltas = starts + doubledCount;
  const offsets = deltas + doubledCount;
  return (code) => {
    for (let i = 0; i < doubledCount; i += 2) {
      if (code > font.readUInt16BE(ends + i)) continue;
      const start = font.readUInt16BE(starts + i);
      if (code < start) return 0;
      const delta = font.readUInt16BE(deltas + i);
      const offset = font.readUInt16BE(offsets + i);
      if (offset === 0) return (code + delta) & 0xffff;
      const glyph = font.readUInt16BE(offsets + i + offset + 2 * (code - start));
      return glyph === 0 ? 0 : (glyph + delta) & 0xffff;
    }
    return 0;
  };
}
