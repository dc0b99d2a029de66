import sharp from 'sharp';
import { expect, it } from 'vitest';
import { png } from './png.js';

it.each([1, 3] as const)('is read with its pixels, %i channels', async (channels) => {
  const image = Uint8Array.from({ length: 5 * 4 * channels }, (_, i) => (37 * i) % 256);
  const decoded = sharp(png(image, [5, 4, channels]));
  expect(await decoded.metadata()).toMatchObject({ format: 'png', width: 4, height: 5, channels });
  const { data } = await decoded
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([...data]).toEqual([...image]);
});
