/** The page that classifies dropped pictures: the same logits in Chromium as in Node, in a worker too, and legible. */

import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { build, type PreviewServer, preview } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load } from '../../src/runtime/index.js';
import { runIntegers } from '../../src/ship/interpreter.js';
import { lowerNetwork } from '../../src/ship/lowering.js';
import { packNetwork } from '../../src/ship/packedFile.js';
import { installPackage } from '../publishedPackage.js';
import { randomNetwork } from '../ship/randomNetwork.js';
import { shippableImages, shippableProgram, shippables, shippedNetwork } from '../ship/shippable.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { chromiumPath } from './browserPage.js';

const side = 16;
const names = ['plane', 'car', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'a word that is rather long'];
const { network } = lowerNetwork(shippableProgram(shippables['fixed 2 and 4 bits']!), names);
const packed = packNetwork(network);
const images = shippableImages(4, side);

let server: PreviewServer;
let browser: Browser;
let address: string;

beforeAll(async () => {
  const root = temporaryFolder();
  cpSync('examples/classify', root, { recursive: true });
  installPackage(root);
  writeFileSync(join(root, 'check.html'), '<body><script type="module" src="./check.js"></script></body>');
  writeFileSync(
    join(root, 'check.js'),
    `import { load } from 'mixed-precision-dnns/runtime';
     window.logitsHere = async (file, images) => {
       const network = await load(new Uint8Array(file));
       return [network.kernels, images.map((image) => [...network.logits(new Uint8Array(image))])];
     };
     window.logitsInWorker = (file, images) => new Promise((resolve, reject) => {
       const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
       worker.onmessage = ({ data }) => resolve(data);
       worker.onerror = ({ message }) => reject(new Error(message));
       worker.postMessage([file, images]);
     });
     window.isReady = true;`,
  );
  writeFileSync(
    join(root, 'worker.js'),
    `import { load } from 'mixed-precision-dnns/runtime';
     self.onmessage = async ({ data: [file, images] }) => {
       const network = await load(new Uint8Array(file));
       self.postMessage([network.kernels, images.map((image) => [...network.logits(new Uint8Array(image))])]);
     };`,
  );
  const config = { root, logLevel: 'error', configFile: false } as const;
  const input = ['index.html', 'check.html'].map((name) => join(root, name));
  await build({ ...config, worker: { format: 'es' }, build: { target: 'esnext', rollupOptions: { input } } });
  server = await preview({ ...config, preview: { host: '127.0.0.1', port: 0 } });
  address = server.resolvedUrls!.local[0]!;
  browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox', '--no-first-run'] });
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
});

it.each(['logitsHere', 'logitsInWorker'])('%s: the logits of Node', async (where) => {
  const page = await browser.newPage();
  await page.goto(`${address}check.html`);
  await page.waitForFunction(() => 'isReady' in window);
  const [kernels, logits] = await page.evaluate(
    ([name, file, given]) =>
      (window as unknown as Record<string, (...args: unknown[]) => Promise<[string, number[][]]>>)[name]!(file, given),
    [where, [...packed], images.map((image) => [...image])] as const,
  );
  expect(kernels).toMatch(/^(relaxed|simd)$/);
  expect(logits).toEqual(images.map((image) => [...runIntegers(network, image)]));
  await page.close();
});

describe('the page', () => {
  const file = { name: 'net.safetensors', mimeType: 'application/octet-stream', buffer: Buffer.from(packed) };
  const pictureOf = async (image: Uint8Array, width: number, name: string) => ({
    name,
    mimeType: 'image/png',
    buffer: await sharp(image, { raw: { width, height: image.length / width / 3, channels: 3 } })
      .png()
      .toBuffer(),
  });

  async function opened(): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, colorScheme: 'light' });
    await page.goto(address);
    await page.setInputFiles('#network', file);
    await page.waitForFunction(() => document.querySelector('#status')?.textContent?.includes('kernels: WebAssembly'));
    return page;
  }

  it('says what a picture of the size of its network shows, as Node does', async () => {
    const page = await opened();
    await page.setInputFiles('#pictures', await pictureOf(images[2]!, side, 'noise.png'));
    await page.waitForSelector('#results li');
    const wanted = (await load(packed)).classify(images[2]!).slice(0, 5);
    const lines = await page.$$eval('.classes li', (items) => items.map(({ textContent }) => textContent));
    expect(lines).toEqual(wanted.map(({ name, probability }) => `${name}${(100 * probability).toFixed(1)}\u00a0%`));
    expect(await page.textContent('#results details p')).toBe([...runIntegers(network, images[2]!)].join(' '));
    await page.close();
  });

  it('cuts a wide picture to its middle, as evaluation does', async () => {
    const page = await opened();
    // Red rises by 8 a column of the square in the middle, green by 8 a row.
    const [height, width] = [2 * side, 4 * side];
    const wide = Uint8Array.from({ length: height * width * 3 }, (_, i) => {
      const [y, x] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width];
      return [8 * Math.min(Math.max(x - side, 0), 31), 8 * y, x === side - 1 || x === 3 * side ? 255 : 0][i % 3]!;
    });
    await page.setInputFiles('#pictures', await pictureOf(wide, width, 'wide.png'));
    await page.waitForSelector('#results canvas');
    const seen = await page.$eval('#results canvas', (canvas: HTMLCanvasElement) => [
      ...canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height).data,
    ]);
    const expected = await sharp(wide, { raw: { width, height, channels: 3 } })
      .resize({ width: side, height: side, fit: 'cover', kernel: 'linear' })
      .raw()
      .toBuffer();
    const differences = Array.from(expected, (value, i) => Math.abs(value - seen[4 * Math.floor(i / 3) + (i % 3)]!));
    // Edges see what was cut off, in one of both.
    const inside = differences.filter((_, i) => Math.floor(i / 3) % side > 0 && Math.floor(i / 3) % side < side - 1);
    expect(inside.length).toBe(3 * side * (side - 2));
    expect(Math.max(...inside)).toBeLessThan(2);
    await page.close();
  });

  it('fits windows of 400 and 1280 pixels, light and dark', async () => {
    const page = await opened();
    await page.setInputFiles('#pictures', [
      await pictureOf(images[2]!, side, 'a picture with a name that is longer than its card.png'),
      await pictureOf(images[3]!, side, 'noise.png'),
    ]);
    await page.waitForFunction(() => document.querySelectorAll('#results > li').length === 2);
    for (const width of [400, 1280]) {
      await page.setViewportSize({ width, height: 900 });
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
        const folder = process.env.SCREENSHOTS;
        if (folder) await page.screenshot({ path: join(folder, `classify-${width}-${colorScheme}.png`) });
      }
    }
    await page.close();
  });

  it('says what is wrong in words', async () => {
    const page = await opened();
    const damaged = Buffer.from(packed);
    damaged[damaged.length - 1]! ^= 1;
    await page.setInputFiles('#network', { ...file, buffer: damaged });
    await page.waitForSelector('#status.fault');
    expect(await page.textContent('#status')).toBe('net.safetensors: damaged, its contents do not fit its checksum');
    await page.setInputFiles('#pictures', { name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
    await page.waitForFunction(() => document.querySelector('#status')?.textContent?.startsWith('a.png'));
    expect(await page.textContent('#status')).toBe('a.png: is neither a network nor a picture that this browser opens');
    await page.close();
  });

  const [map, means] = [
    'an own network: a class for every pixel, of a sum',
    'an own network: channels whose means are the logits, scaled',
  ];
  it.each([
    ['values', { ...network, loss: 'values' }, 'puts out values, this page shows classes'],
    ['labels', { ...network, loss: 'labels' }, 'puts out labels, this page shows classes'],
    ['maps', shippedNetwork(map, 0).network, 'has a class for every pixel, this page one a picture'],
    ['lines of a table', shippedNetwork(means, 0, 1).network, 'takes lines of 3 numbers, this page gives pictures'],
    ['one channel', randomNetwork(1).network, 'takes inputs of 11×7×1 numbers, pictures have 3 channels'],
  ] as const)('refuses a network of %s when it is opened', async (_, other, fault) => {
    const page = await browser.newPage();
    await page.goto(address);
    await page.setInputFiles('#network', { ...file, buffer: Buffer.from(packNetwork(other)) });
    await page.waitForSelector('#status.fault');
    expect(await page.textContent('#status')).toBe(`net.safetensors: ${fault}`);
    expect(await page.isDisabled('#pictures')).toBe(true);
    await page.close();
  });
});
