/** The exact model in onnxruntime-web in Chromium, WebAssembly on one thread, against the interpreter. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runIntegers } from '../../src/ship/interpreter.js';
import { channelsFirst } from '../../src/ship/onnx/channelsFirst.js';
import { exactModel } from '../../src/ship/onnx/exactModel.js';
import { shippables, shippedNetwork } from '../ship/shippable.js';
import { isThorough } from '../tier.js';
import { chromiumPath } from './browserPage.js';

const address = 'http://localhost/';
const count = 3;
const html = "<script type='module'>import * as ort from './ort.wasm.min.mjs'; window.ort = ort;</script>";
const types: Readonly<Record<string, string>> = { mjs: 'text/javascript', wasm: 'application/wasm' };

let browser: Browser;
let page: Page;
/** The model that the page fetches. */
let model: Uint8Array = new Uint8Array();

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox', '--no-first-run'] });
  page = await browser.newPage();
  // No server: Chromium asks this process.
  await page.route(`${address}**`, async (route) => {
    const file = new URL(route.request().url()).pathname.slice(1);
    if (file === '') await route.fulfill({ contentType: 'text/html', body: html });
    else if (file === 'model') await route.fulfill({ body: Buffer.from(model) });
    else {
      const body = readFileSync(join('node_modules/onnxruntime-web/dist', file));
      await route.fulfill({ contentType: types[file.split('.').at(-1)!]!, body });
    }
  });
  await page.goto(address);
  await page.waitForFunction(() => 'ort' in window);
});
afterAll(() => browser?.close());

/** One network for each of the three forms of a layer's end: float32, float64 and int64. */
const quick = [
  ['fixed 2 and 4 bits', true],
  ['fixed powers of two', false],
  ['shortcuts with convolutions', true],
] as const;
const others = [
  ['fixed 2 and 4 bits', false],
  ['learned bits and range, 8 bits', true],
] as const;

it.each(isThorough ? [...quick, ...others] : quick)('%s, packed: %s, gives the same logits', async (name, packed) => {
  const { network, images } = shippedNetwork(name, count);
  model = exactModel(network, { packed, metadata: {} });
  const { side } = shippables[name]!;
  const given = images.map((image) => [...channelsFirst(image, 3)]);
  const logits = await page.evaluate(
    async ([pixels, size]) => {
      const { env, InferenceSession, Tensor } = (window as unknown as { ort: typeof import('onnxruntime-web') }).ort;
      env.wasm.numThreads = 1;
      const session = await InferenceSession.create(new Uint8Array(await (await fetch('model')).arrayBuffer()), {
        executionProviders: ['wasm'],
        graphOptimizationLevel: 'all',
        logSeverityLevel: 3,
      });
      const all: number[][] = [];
      for (const image of pixels) {
        const { logits } = await session.run({
          image: new Tensor('uint8', Uint8Array.from(image), [1, 3, size, size]),
        });
        all.push(Array.from(logits!.data as Iterable<number | bigint>, Number));
      }
      await session.release();
      return all;
    },
    [given, side] as const,
  );
  expect(logits).toEqual(images.map((image) => [...runIntegers(network, image)]));
});
