import { describe, expect, it } from 'vitest';
import { cropArea, cropRatio, evaluationCrop, type Region, randomResizedCrop, type Size } from './crops.js';
import { createRandom } from './random.js';

const sizes: Size[] = [
  { width: 500, height: 375 },
  { width: 375, height: 500 },
  { width: 224, height: 224 },
  { width: 1600, height: 200 },
  { width: 33, height: 1000 },
  { width: 5, height: 7 },
  { width: 1, height: 40 },
  { width: 1, height: 1 },
];

const isInside = ({ left, top, width, height }: Region, outer: Size): boolean =>
  [left, top, width, height].every(Number.isInteger) &&
  left >= 0 &&
  top >= 0 &&
  width >= 1 &&
  height >= 1 &&
  left + width <= outer.width &&
  top + height <= outer.height;

const drawn = (size: Size, count: number, seed = 1): Region[] => {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => randomResizedCrop(size, random));
};

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('randomResizedCrop', () => {
  it.each(sizes)('stays inside of $width x $height', (size) => {
    expect(drawn(size, 2000).every((region) => isInside(region, size))).toBe(true);
  });

  it('keeps area and ratio within their bounds, but for the rounding to pixels', () => {
    const size = { width: 500, height: 375 };
    for (const { width, height } of drawn(size, 5000)) {
      // Half a pixel each way on both sides.
      const [w, h] = [0.5 / width, 0.5 / height];
      const area = (width * height) / (size.width * size.height);
      expect(area).toBeGreaterThan(cropArea.min * (1 - w) * (1 - h) * 0.999);
      expect(area).toBeLessThanOrEqual(cropArea.max);
      expect(width / height).toBeGreaterThan(cropRatio.min * (1 - 2 * w) * (1 - 2 * h));
      expect(width / height).toBeLessThan(cropRatio.max * (1 + 2 * w) * (1 + 2 * h));
    }
  });

  it('draws areas evenly, ratios evenly on a logarithmic scale, and places evenly', () => {
    // Small enough crops always fit, so that no draw is thrown away and the shares are known.
    const size = { width: 1000, height: 1000 };
    const regions = drawn(size, 20_000).filter(({ width, height }) => width * height < 0.5e6);
    const areas = regions.map(({ width, height }) => (width * height) / 1e6);
    expect(mean(areas)).toBeCloseTo((0.08 + 0.5) / 2, 2);
    const ratios = regions.map(({ width, height }) => Math.log(width / height));
    expect(mean(ratios)).toBeCloseTo(0, 2);
    const third = Math.log(4 / 3) / 3;
    expect(mean(ratios.map((ratio) => (Math.abs(ratio) < third ? 1 : 0)))).toBeCloseTo(1 / 3, 1);
    expect(mean(regions.map(({ left, width }) => left / (1000 - width)))).toBeCloseTo(0.5, 1);
    expect(mean(regions.map(({ top, height }) => top / (1000 - height)))).toBeCloseTo(0.5, 1);
    expect(new Set(regions.map(({ left }) => left)).size).toBeGreaterThan(300);
  });

  it('reaches both ends of the image', () => {
    const regions = drawn({ width: 20, height: 16 }, 3000);
    expect(regions.some(({ left, width }) => left === 0 && width < 20)).toBe(true);
    expect(regions.some(({ left, width }) => left > 0 && left + width === 20)).toBe(true);
  });

  it('falls back to the largest allowed crop at the centre', () => {
    // Of 8:1 no crop of more than a sixth of the area fits; ten such draws in a row come about.
    const wide = drawn({ width: 1600, height: 200 }, 5000);
    expect(wide).toContainEqual({ left: 666, top: 0, width: 267, height: 200 });
    expect(drawn({ width: 200, height: 1600 }, 5000)).toContainEqual({ left: 0, top: 666, width: 200, height: 267 });
    expect(drawn({ width: 1, height: 1 }, 1)).toEqual([{ left: 0, top: 0, width: 1, height: 1 }]);
  });

  it('depends on the generator alone', () => {
    expect(drawn(sizes[0]!, 50)).toEqual(drawn(sizes[0]!, 50));
    expect(drawn(sizes[0]!, 50)).not.toEqual(drawn(sizes[0]!, 50, 2));
  });
});

describe('evaluationCrop', () => {
  it('has the published numbers', () => {
    expect(evaluationCrop({ width: 500, height: 375 }, 224)).toEqual({
      scaled: { width: 341, height: 256 },
      cut: { left: 58, top: 16, width: 224, height: 224 },
    });
    expect(evaluationCrop({ width: 375, height: 500 }, 224).scaled).toEqual({ width: 256, height: 341 });
    expect(evaluationCrop({ width: 64, height: 64 }, 32).scaled).toEqual({ width: 37, height: 37 });
  });

  it('takes the even place where the middle lies between two, as torchvision does', () => {
    const left = (width: number) => evaluationCrop({ width, height: 256 }, 224).cut.left;
    expect([340, 341, 342, 343, 344, 345].map(left)).toEqual([58, 58, 59, 60, 60, 60]);
  });

  it.each(sizes)('is inside and centred for $width x $height', (size) => {
    for (const side of [8, 32, 33, 224]) {
      const { scaled, cut } = evaluationCrop(size, side);
      expect(isInside(cut, scaled)).toBe(true);
      expect([cut.width, cut.height]).toEqual([side, side]);
      const rest = { right: scaled.width - side - cut.left, bottom: scaled.height - side - cut.top };
      expect(Math.abs(rest.right - cut.left)).toBeLessThanOrEqual(1);
      expect(Math.abs(rest.bottom - cut.top)).toBeLessThanOrEqual(1);
    }
  });
});

it('a training crop may be the whole image', () => {
  const random = createRandom(1);
  const drawn = [1 - 2 ** -32, 0.5];
  const whole = { ...random, uniform: () => drawn.shift() ?? 0 };
  expect(randomResizedCrop({ width: 40, height: 40 }, whole)).toEqual({ left: 0, top: 0, width: 40, height: 40 });
});
