import { writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { encodePhotograph, type Photograph, scenePixels } from '../../../test/photographs.js';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import { evaluationCrop, type Region, type Size } from '../crops.js';
import { decodeImage, measureImage } from './decodeImage.js';

const folder = temporaryFolder();

let files = 0;
function write(bytes: Uint8Array): string {
  const file = path.join(folder, String(files++));
  writeFileSync(file, bytes);
  return file;
}

const whole = ({ width, height }: Size): Region => ({ left: 0, top: 0, width, height });
const largestDifference = (a: Uint8Array, b: ArrayLike<number>) =>
  a.reduce((most, value, index) => Math.max(most, Math.abs(value - b[index]!)), 0);

/**
 * PIL's bilinear resize: each output is the mean of inputs weighted by a triangle around its place, which
 * is as wide as the shrinking asks for and at least two pixels; horizontally, then vertically. Where libvips enlarges,
 * it is half a pixel of the result off to the upper left, which does no harm here.
 */
function triangleResize(pixels: ArrayLike<number>, size: Size, to: Size): Float64Array {
  const axis = (from: number, length: number): { index: number; weight: number }[][] =>
    Array.from({ length }, (_, place) => {
      const scale = from / length;
      const support = Math.max(1, scale);
      const centre = (place + (scale < 1 ? 0 : 0.5)) * scale;
      const taps = Array.from({ length: from }, (_unused, index) => ({
        index,
        weight: Math.max(0, 1 - Math.abs(index + 0.5 - centre) / support),
      })).filter(({ weight }) => weight > 0);
      const sum = taps.reduce((total, { weight }) => total + weight, 0);
      return taps.map(({ index, weight }) => ({ index, weight: weight / sum }));
    });
  const [columns, rows] = [axis(size.width, to.width), axis(size.height, to.height)];
  const result = new Float64Array(to.width * to.height * 3);
  for (const [y, row] of rows.entries()) {
    for (const [x, column] of columns.entries()) {
      for (const vertical of row) {
        for (const horizontal of column) {
          for (let channel = 0; channel < 3; channel++) {
            const source = (vertical.index * size.width + horizontal.index) * 3 + channel;
            result[(y * to.width + x) * 3 + channel]! += vertical.weight * horizontal.weight * pixels[source]!;
          }
        }
      }
    }
  }
  return result;
}

async function lossless(photograph: Photograph): Promise<string> {
  const { width, height } = photograph;
  return write(
    await sharp(scenePixels(photograph), { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer(),
  );
}

function cut(pixels: Uint8Array, { width }: Size, region: Region): Uint8Array {
  const result = new Uint8Array(region.width * region.height * 3);
  for (let row = 0; row < region.height; row++) {
    const start = ((region.top + row) * width + region.left) * 3;
    result.set(pixels.subarray(start, start + region.width * 3), row * region.width * 3);
  }
  return result;
}

describe('a region', () => {
  it.each<[string, Region, number]>([
    ['as it is', { left: 3, top: 5, width: 16, height: 16 }, 16],
    ['shrunk', { left: 3, top: 5, width: 50, height: 31 }, 16],
    ['shrunk much', { left: 0, top: 0, width: 60, height: 44 }, 8],
    ['enlarged', { left: 20, top: 10, width: 9, height: 12 }, 32],
    ['of one pixel', { left: 59, top: 43, width: 1, height: 1 }, 8],
  ])('%s is cut, then scaled with a triangle filter', async (_, region, side) => {
    const size = { width: 60, height: 44 };
    const file = await lossless(size);
    const { data, width, height } = await decodeImage(file, { type: 'region', region, side });
    expect([width, height, data.length]).toEqual([side, side, side * side * 3]);
    const expected = triangleResize(cut(scenePixels(size), size, region), region, { width: side, height: side });
    // libvips weighs with eight bits, and shrinks by whole factors first where it shrinks by four and more.
    expect(largestDifference(data, expected)).toBeLessThan(region.width / side > 4 ? 7 : 3);
  });
});

describe('the centre', () => {
  it.each<Size>([
    { width: 60, height: 44 },
    { width: 44, height: 60 },
    { width: 10, height: 8 },
    { width: 9, height: 90 },
  ])('of $width x $height is scaled, then cut', async (size) => {
    const file = await lossless(size);
    const framing = { type: 'centre', ...evaluationCrop(size, 32) } as const;
    const { data, width, height } = await decodeImage(file, framing);
    expect([width, height]).toEqual([32, 32]);
    const scaled = Uint8Array.from(triangleResize(scenePixels(size), size, framing.scaled), Math.round);
    expect(largestDifference(data, cut(scaled, framing.scaled, framing.cut))).toBeLessThan(4);
  });
});

describe('pixels of crops are those that are stored', () => {
  const size = { width: 40, height: 24 };
  const decodeWhole = async (kind: NonNullable<Photograph['kind']>, side = 24) => {
    const file = write(await encodePhotograph({ ...size, kind }));
    return (await decodeImage(file, { type: 'region', region: whole(size), side })).data;
  };
  const expected = triangleResize(scenePixels(size), size, { width: 24, height: 24 });
  const luma = (pixels: ArrayLike<number>, at: number) =>
    0.299 * pixels[at]! + 0.587 * pixels[at + 1]! + 0.114 * pixels[at + 2]!;

  it('of a JPEG', async () => {
    expect(largestDifference(await decodeWhole('rgb'), expected)).toBeLessThan(12);
  });

  it('without the transparency of a PNG', async () => {
    // libvips scales colours times their opacity, which was 0.3: a third of the levels are left.
    expect(largestDifference(await decodeWhole('alpha'), expected)).toBeLessThan(7);
  });

  it('not turned, whatever EXIF says', async () => {
    expect(largestDifference(await decodeWhole('turned'), expected)).toBeLessThan(12);
    const file = write(await encodePhotograph({ ...size, kind: 'turned' }));
    expect(await measureImage(file)).toEqual(size);
    // Resident images are upright.
    expect(await decodeImage(file, { type: 'fill' })).toMatchObject({ width: 24, height: 40 });
  });

  it('greys repeated on three channels', async () => {
    const grey = await decodeWhole('grey');
    expect(grey.every((value, index) => value === grey[index - (index % 3)])).toBe(true);
    const bright = Array.from({ length: 24 * 24 }, (_, pixel) => luma(expected, 3 * pixel));
    const brightest = bright.indexOf(Math.max(...bright));
    const darkest = bright.indexOf(Math.min(...bright));
    expect(grey[3 * brightest]! - grey[3 * darkest]!).toBeGreaterThan(80);
  });

  it('CMYK as RGB', async () => {
    // Printing colours hold less; the scene must be recognisable, not equal.
    const difference = (await decodeWhole('cmyk')).reduce((sum, v, i) => sum + Math.abs(v - expected[i]!), 0);
    expect(difference / expected.length).toBeLessThan(25);
  });

  it('not converted by a colour profile', async () => {
    const file = write(await encodePhotograph({ ...size, kind: 'profile' }));
    const stored = await sharp(file, { ignoreIcc: true }).raw().toBuffer();
    const { data } = await decodeImage(file, {
      type: 'region',
      region: { ...whole(size), height: 24, width: 24 },
      side: 24,
    });
    expect(largestDifference(data, cut(stored, size, { ...whole(size), height: 24, width: 24 }))).toBe(0);
  });

  it('enlarged from five pixels', async () => {
    const tiny = { width: 5, height: 5 };
    const file = await lossless(tiny);
    const { data } = await decodeImage(file, { type: 'region', region: whole(tiny), side: 24 });
    expect(largestDifference(data, triangleResize(scenePixels(tiny), tiny, { width: 24, height: 24 }))).toBeLessThan(3);
  });
});

describe('a damaged file', () => {
  it('is refused where its end is missing', async () => {
    const size = { width: 80, height: 60 };
    const bytes = await encodePhotograph(size);
    const file = write(bytes.subarray(0, bytes.length / 2));
    await expect(measureImage(file)).resolves.toEqual(size);
    await expect(decodeImage(file, { type: 'region', region: whole(size), side: 32 })).rejects.toThrow('premature end');
  });

  it('is taken with stray bytes that decoders only warn of', async () => {
    const size = { width: 80, height: 60 };
    const bytes = await encodePhotograph(size);
    const end = bytes.length - 2;
    const file = write(Buffer.concat([bytes.subarray(0, end), Buffer.alloc(9), bytes.subarray(end)]));
    for (const framing of [
      { type: 'region', region: whole(size), side: 32 },
      { type: 'fill', side: 32 },
    ] as const) {
      expect((await decodeImage(file, framing)).data).toEqual((await decodeImage(write(bytes), framing)).data);
    }
  });
});
