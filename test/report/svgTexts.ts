/** The one-line texts of a plot's SVG with the pixels that they take, from the corner of the frame that has them. */
import { textWidth } from '../../src/report/fontMetrics.js';

interface DrawnText {
  readonly text: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export function svgTexts(svg: string): DrawnText[] {
  const texts =
    /<text text-anchor="(\w+)" transform="translate\(([\d.-]+),([\d.-]+)\)"[^>]* font-size="([\d.]+)px"[^>]*>([^<]+)</g;
  return [...svg.matchAll(texts)].map(([, anchor, x, baseline, size, text]) => {
    const width = textWidth(text!, Number(size));
    const left = Number(x) - { start: 0, middle: width / 2, end: width }[anchor!]!;
    // Digits are 0.73 em high.
    return {
      text: text!,
      left,
      right: left + width,
      top: Number(baseline) - 0.73 * Number(size),
      bottom: Number(baseline),
    };
  });
}

/** Pairs of texts that lie on each other. */
export function overlaps(texts: readonly DrawnText[]): [string, string][] {
  return texts.flatMap((a, i) =>
    texts
      .slice(i + 1)
      .filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
      .map((b): [string, string] => [a.text, b.text]),
  );
}
