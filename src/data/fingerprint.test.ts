import { describe, expect, it } from 'vitest';
import { fingerprint } from './fingerprint.js';
import type { ImageSet } from './imageSet.js';
import type { ImageStream } from './imageStream.js';
import { generateSynthetic } from './synthetic.js';

const { train } = generateSynthetic(313, 20);
const changed = (change: (set: { -readonly [K in keyof ImageSet]: ImageSet[K] }) => void): ImageSet => {
  const set = { ...train, images: train.images.slice(), labels: train.labels.slice() };
  change(set);
  return set;
};
const stream = (names: readonly string[], bytes = 100, folder = '/a'): ImageStream => ({
  files: names.map((name, label) => ({ file: `${folder}/${name}`, name, label, bytes, modifiedMs: Math.random() })),
  count: names.length,
  height: 8,
  width: 8,
  channels: 3,
  framing: 'fill',
  sizes: null,
  decoders: null as never,
});

describe('the fingerprint of images', () => {
  it('is the same wherever they lie, on every machine', () => {
    expect(fingerprint(train)).toBe('bytes:e952cf8c5ec104eb67603dfc92c4ac70');
    const shifted = new Uint8Array(train.images.length + 3).subarray(3);
    shifted.set(train.images);
    expect(fingerprint({ ...train, images: shifted })).toBe(fingerprint(train));
    expect(fingerprint(stream(['x/1.jpg', 'y/1.jpg']))).toBe('files:6f5972c18f0a93fe8be94b72706913f7');
    expect(fingerprint(stream(['x/1.jpg'], 100, '/b'))).toBe(fingerprint(stream(['x/1.jpg'])));
  });

  it('changes with every pixel, label and shape', () => {
    const others = [
      ...[0, 1, 5, 14, 4096, train.images.length - 1].map((at) =>
        changed(({ images }) => images.set([images[at]! ^ 1], at)),
      ),
      changed(({ images }) => images.set([images[4]!, images[0]!], 0)),
      changed(({ labels }) => labels.set([labels[19]! ^ 1], 19)),
      { ...train, height: 16, width: 64 },
      { ...train, images: new Uint8Array(0), labels: new Int32Array(0), count: 0 },
      { ...train, images: new Uint8Array(16), labels: new Int32Array(0), count: 0 },
      { ...train, images: new Uint8Array(17), labels: new Int32Array(0), count: 0 },
    ];
    expect(new Set([train, ...others].map(fingerprint)).size).toBe(others.length + 1);
  });

  it('changes with the groups that inputs are scored in', () => {
    const grouped = { ...train, groups: Int32Array.from({ length: train.count }, (_, index) => index >> 1) };
    const others = { ...grouped, groups: grouped.groups.map((group) => group >> 1) };
    expect(new Set([train, grouped, others].map(fingerprint)).size).toBe(3);
  });

  it('tells floats from bytes', () => {
    const floats = { ...train, images: Float32Array.from(train.images) };
    expect(fingerprint(floats)).toMatch(/^floats:[0-9a-f]{32}$/);
    floats.images[3]! += 2 ** -12;
    expect(fingerprint(floats)).not.toBe(fingerprint({ ...train, images: Float32Array.from(train.images) }));
  });

  it('changes with names, sizes and order of files', () => {
    const all = [stream(['x/1', 'y/1']), stream(['y/1', 'x/1']), stream(['x/1', 'y/2']), stream(['x/1', 'y/1'], 101)];
    expect(new Set(all.map(fingerprint)).size).toBe(all.length);
  });
});
