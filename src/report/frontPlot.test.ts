import { expect, it } from 'vitest';
import { overlaps, svgTexts } from '../../test/report/svgTexts.js';
import { type FrontSeries, frontPlot } from './frontPlot.js';
import { renderSvg } from './renderPlot.js';

/** A way to choose bits with these errors at 30, 40 and 70 kB, each with some seeds of six. */
function way(name: string, errors: readonly number[], deviation: number, count = 3): FrontSeries {
  return {
    name,
    points: errors.map((mean, i) => ({
      ...{ kbytes: [30, 40, 70][i]!, error: { mean, deviation, count } },
      ...{ isBeaten: false, missingSeeds: 6 - count },
    })),
  };
}

const bars = (svg: string) =>
  [
    ...svg.matchAll(/<line transform="translate\(([\d.]+),([\d.-]+)\)" x2="0" y2="([\d.-]+)"[^>]*stroke-width="1.25"/g),
  ].map(([, x, y, height]) => ({ x: Number(x), top: Number(y) + Number(height), bottom: Number(y) }));

it('writes numbers of seeds on no other text, on no bar and inside of the frame, also where ways end alike', async () => {
  const ways = [
    way('learned bits', [16.1, 14.7, 12.58], 0.4),
    way('allocated bits', [14.3, 13.6, 12.7], 0.5),
    way('learned bits, INSIDE', [14.25, 13.65, 12.45], 0.3),
    way('the same bits', [14.3, 13.6, 12.7], 0.2, 6),
  ];
  const svg = await renderSvg(frontPlot('NET', ways, { mean: 12.6, deviation: 0.4, count: 6 }));
  const numbers = svgTexts(svg).filter(({ text }) => text === '3 of 6');
  expect(numbers).toHaveLength(9);
  expect(overlaps(numbers)).toEqual([]);
  expect(bars(svg)).toHaveLength(12);
  for (const { left, right, top, bottom } of numbers) {
    // The texts of the float network begin on the right of the frame.
    expect([left >= 0, right <= 520, top >= 0, bottom <= 320]).toEqual([true, true, true, true]);
    expect(bars(svg).filter((bar) => bar.x > left && bar.x < right && bar.top < bottom && bar.bottom > top)).toEqual(
      [],
    );
  }
});

it('has no errors below 0', async () => {
  const plot = frontPlot('NET', [way('learned bits', [0.3, 0.2, 0.1], 0.6)], { mean: 0.05, deviation: 0.1, count: 6 });
  const svg = await renderSvg(plot);
  const ticks = svgTexts(svg).map(({ text }) => text);
  expect(ticks).toContain('0.0');
  expect(ticks.filter((text) => /^[−-]/.test(text))).toEqual([]);
  expect(bars(svg)).toHaveLength(3);
  for (const { bottom } of bars(svg)) expect(bottom).toBeCloseTo(320, 6);
});

it('draws sizes of one budget above one another', async () => {
  const learned = way('learned bits', [13.0], 0.2);
  const near = { ...learned, name: 'allocated bits', points: [{ ...learned.points[0]!, kbytes: 29.99 }] };
  const svg = await renderSvg(frontPlot('NET', [learned, near], null));
  const [first, second] = bars(svg).map(({ x }) => x) as [number, number];
  expect(Math.abs(first - second)).toBeLessThan(1);
  expect(first).toBeCloseTo(260, -1);
});
