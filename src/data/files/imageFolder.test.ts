import { mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import { InputError } from '../../errors.js';
import type { Progress } from '../progress.js';
import { listImageFolder, loadImageFolder } from './imageFolder.js';

type Color = { r: number; g: number; b: number };
const red = { r: 255, g: 0, b: 0 };
const blue = { r: 0, g: 0, b: 255 };

let root: string;
let decoded: number;
let options: { cacheDirectory: string; onProgress(progress: Progress): void };
beforeEach(async () => {
  root = temporaryFolder();
  decoded = 0;
  options = { cacheDirectory: path.join(root, 'cache'), onProgress: ({ done }) => (decoded = done) };
  await writeImage('train/cat/a.png', red);
  await writeImage('train/cat/b.jpg', blue);
  await writeImage('train/ant/c.PNG', blue);
  await writeImage('val/cat/d.png', blue);
  await writeImage('val/ant/e.png', red);
  await writeFile(path.join(root, 'train', 'notes.txt'), 'ignored');
  await writeFile(path.join(root, 'train', 'cat', '.hidden.png'), 'ignored');
});

async function writeImage(name: string, color: Color, width = 4, height = 4): Promise<string> {
  const file = path.join(root, name);
  await mkdir(path.dirname(file), { recursive: true });
  await sharp({ create: { width, height, channels: 3, background: color } }).toFile(file);
  return file;
}

const load = async (imageSize?: number) => loadImageFolder(listImageFolder(root), { ...options, imageSize });
const cacheFile = async () => path.join(root, 'cache', (await readdir(path.join(root, 'cache')))[0]!);

async function expectFault(...parts: string[]): Promise<void> {
  const error = await load().catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(InputError);
  for (const part of parts) expect((error as Error).message).toContain(part);
}

describe('loadImageFolder', () => {
  it('sorts classes and files, and decodes JPEG and PNG', async () => {
    const { classes, train, test } = await load();
    expect(classes).toEqual(['ant', 'cat']);
    expect([train.count, train.height, train.width, train.channels]).toEqual([3, 4, 4, 3]);
    expect([...train.labels]).toEqual([0, 1, 1]);
    expect([...test.labels]).toEqual([0, 1]);
    const firstPixel = (image: number) => [...train.images.subarray(image * 48, image * 48 + 3)];
    expect(firstPixel(0)).toEqual([0, 0, 255]);
    expect(firstPixel(1)).toEqual([255, 0, 0]);
    expect(firstPixel(2)[2]).toBeGreaterThan(250);
    expect([...test.images.subarray(0, 3)]).toEqual([255, 0, 0]);
    expect(decoded).toBe(5);
  });

  it('brings greys, 16 bits, transparency and rotation to upright RGB', async () => {
    const ramp = Buffer.from([0, 60, 120, 240]);
    const raw = sharp(ramp, { raw: { width: 4, height: 1, channels: 1 } });
    const grey = await raw.clone().toColourspace('b-w').png().toBuffer();
    await writeFile(path.join(root, 'train/ant/c.PNG'), grey);
    await writeFile(path.join(root, 'train/cat/a.png'), await sharp(grey).toColourspace('rgb16').png().toBuffer());
    await writeFile(path.join(root, 'train/cat/b.jpg'), await sharp(grey).ensureAlpha().png().toBuffer());
    const rotated = sharp(grey).rotate(90).withMetadata({ orientation: 8 }).png();
    await writeFile(path.join(root, 'val/ant/e.png'), await rotated.toBuffer());
    await writeFile(path.join(root, 'val/cat/d.png'), grey);
    const { train, test } = await load();
    const expected = [0, 0, 0, 60, 60, 60, 120, 120, 120, 240, 240, 240];
    expect([...train.images]).toEqual([...expected, ...expected, ...expected]);
    expect([...test.images]).toEqual([...expected, ...expected]);
  });

  it('scales to a square where a size is given', async () => {
    await writeImage('train/cat/wide.png', red, 12, 6);
    const { train, test } = await load(3);
    expect([train.height, train.width, test.height, test.width]).toEqual([3, 3, 3, 3]);
    expect([...train.images.subarray(27, 54)]).toEqual(Array.from({ length: 9 }, () => [255, 0, 0]).flat());
  });

  it('accepts test instead of val', async () => {
    await rm(path.join(root, 'val'), { recursive: true });
    await writeImage('test/cat/d.png', blue);
    await writeImage('test/ant/e.png', red);
    expect((await load()).test.count).toBe(2);
  });
});

describe('what lies in a folder', () => {
  it('is read where libvips can, in folders of folders too, in one order', async () => {
    await writeImage('train/ant/d.webp', red);
    await writeImage('train/ant/more/a.tiff', red);
    await writeImage('train/ant/more/deep/z.gif', red);
    await writeImage('train/ant/x.jpg/e.avif', red);
    const { train } = listImageFolder(root);
    expect(train.map(({ name }) => name)).toEqual([
      ...['ant/c.PNG', 'ant/d.webp', 'ant/more/a.tiff', 'ant/more/deep/z.gif', 'ant/x.jpg/e.avif'],
      ...['cat/a.png', 'cat/b.jpg'],
    ]);
    expect((await load()).train.count).toBe(7);
  });

  it('is counted where it is left out', async () => {
    for (const name of ['cat/a.bmp', 'cat/b.BMP', 'ant/README', 'ant/.hidden']) {
      await writeFile(path.join(root, 'train', name), 'x');
    }
    await writeFile(path.join(root, 'val/cat/c.bmp'), 'x');
    await symlink('.', path.join(root, 'val/cat/more'));
    const { notes } = await load();
    expect(notes).toHaveLength(1);
    expect(notes![0]).toMatch(
      /6 files are left out \(3 \.bmp, 1 beside the class folders, 2 without an ending\); read are/,
    );
    for (const name of ['train/notes.txt', 'train/cat/a.bmp', 'train/cat/b.BMP', 'train/ant/README']) {
      await rm(path.join(root, name));
    }
    await rm(path.join(root, 'val/cat/more'));
    await rm(path.join(root, 'val/cat/c.bmp'));
    expect((await load()).notes).toEqual([]);
  });

  it.each(['train/latin-\xe9', 'val/latin-\xe9', 'train/cat/latin-\xe9.png'])(
    'is refused where a name is not UTF-8: %j',
    async (name) => {
      const bytes = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name, 'latin1')]);
      await (name.endsWith('.png') ? writeFile(bytes, 'x') : mkdir(bytes));
      await expectFault('latin-', 'this name is not UTF-8');
    },
  );

  it.each([
    ['train/cat/gone.png', 'nowhere', 'a link to a place where nothing is'],
    ['train/cat/loop.png', 'loop.png', 'a link that leads back to itself'],
    ['train/loop', 'loop', 'a link that leads back to itself'],
  ])('is refused in words where %s is a broken link', async (name, target, words) => {
    await symlink(target, path.join(root, name));
    await expectFault(name, words);
  });
});

describe('the cache', () => {
  it('gives the same without decoding', async () => {
    const first = await load();
    decoded = 0;
    expect(await load()).toEqual(first);
    expect(decoded).toBe(0);
    expect(await readdir(path.join(root, 'cache'))).toHaveLength(1);
  });

  it('is renewed when a file changes, and kept apart for another size', async () => {
    await load();
    await writeImage('train/cat/a.png', blue);
    await utimes(path.join(root, 'train/cat/a.png'), 1, 1);
    const { train } = await load();
    expect([...train.images.subarray(48, 51)]).toEqual([0, 0, 255]);
    await rm(path.join(root, 'train/cat/a.png'));
    expect((await load()).train.count).toBe(2);
    expect(await readdir(path.join(root, 'cache'))).toHaveLength(1);
    await load(2);
    expect(await readdir(path.join(root, 'cache'))).toHaveLength(2);
  });

  it.each([
    ['a flipped byte', (bytes: Buffer) => bytes.fill(bytes.at(-30)! ^ 1, bytes.length - 30, bytes.length - 29)],
    [
      'exchanged sides',
      (bytes: Buffer) =>
        Buffer.from(
          bytes.toString('latin1').replace('"height":4', '"height":8').replace('"width":4', '"width":2'),
          'latin1',
        ),
    ],
    ['another division', (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace('[3,2]', '[2,3]'), 'latin1')],
    ['a header of 4 GB', (bytes: Buffer) => bytes.fill(0xff, 8, 12)],
    ['a missing end', (bytes: Buffer) => bytes.subarray(0, bytes.length - 1)],
    ['a missing header', (bytes: Buffer) => bytes.subarray(0, 10)],
    ['something else', () => Buffer.from('not a cache')],
  ])('is rebuilt after %s', async (_, damage) => {
    const first = await load();
    await writeFile(await cacheFile(), damage(await readFile(await cacheFile())));
    decoded = 0;
    expect(await load()).toEqual(first);
    expect(decoded).toBe(5);
    decoded = 0;
    await load();
    expect(decoded).toBe(0);
  });

  it('is not needed', async () => {
    await writeFile(path.join(root, 'cache'), 'a file where the folder should be');
    expect((await load()).train.count).toBe(3);
  });
});

describe('faults are named', () => {
  it('missing folders, classes and images', async () => {
    expect(() => listImageFolder(path.join(root, 'nowhere'))).toThrow(path.join('nowhere', 'train: no such folder'));
    await mkdir(path.join(root, 'train', 'bee'));
    await expectFault(path.join('train', 'bee'), 'no images; wanted: .jpg,');
    await writeFile(path.join(root, 'train', 'bee', 'x.bmp'), 'BM');
    await expectFault(path.join('train', 'bee'), 'no images (but 1 .bmp); wanted: .jpg,');
    await writeImage('train/bee/x.png', red);
    await expectFault(path.join('val', 'bee'), 'every class needs one');
    await mkdir(path.join(root, 'val', 'bee'));
    await mkdir(path.join(root, 'val', 'cow'));
    await expectFault(path.join('val', 'cow'), 'this class is not in');
    await rm(path.join(root, 'val'), { recursive: true });
    await expectFault('neither val nor test');
    await mkdir(path.join(root, 'val'));
    for (const name of ['ant', 'bee', 'cat']) await rm(path.join(root, 'train', name), { recursive: true });
    await expectFault('train', 'no class folders');
  });

  it('unreadable images', async () => {
    const file = path.join(root, 'train/cat/broken.jpg');
    await writeFile(file, 'no image');
    await expectFault(file, 'cannot be decoded');
    const noise = Buffer.from(Uint8Array.from({ length: 3 * 64 * 64 }, (_, index) => (index * 7919) >> 4));
    const whole = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
      .jpeg()
      .toBuffer();
    await writeFile(file, whole.subarray(0, whole.length / 2));
    await expectFault(file, 'cannot be decoded');
  });

  it('different sizes without a common one', async () => {
    const file = await writeImage('train/cat/z.png', red, 5, 4);
    await expectFault(file, '5x4', '4x4', 'image size');
    await expect(load(2.5)).rejects.toThrow('positive whole number');
  });
});
