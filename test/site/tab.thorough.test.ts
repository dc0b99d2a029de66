/**
 * The tab in Chromium: small, asks nobody for anything, trains to the bits of Node, goes on where it was closed, and what
 * is downloaded is what was trained.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstState, parametersOf, Training } from '../../site/training.js';
import { exportNetwork, type TrainingData, train } from '../../src/index.js';
import type { RunData } from '../../src/watch/page/runData.js';
import { kernelFile } from '../browser/browserPage.js';
import { succeeds } from '../cli/runMpdnn.js';
import { skipsGpu } from '../softwareGpu.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { type BuiltSite, buildSite, type OpenedTab } from './builtSite.js';
import { hasMnist, mnistFolder } from './mnistFolder.js';

let site: BuiltSite;
beforeAll(async () => {
  site = await buildSite();
});
afterAll(() => site?.close());

/** Functions that the page puts on `window`. */
interface Told {
  runs(): { readonly float: RunData; readonly learned: RunData };
  standing(): { readonly part: string; readonly isFinished: boolean; readonly isPaused: boolean } | null;
}

const untilLearned = (page: Page, epochs: number) =>
  page.waitForFunction((wanted) => (window as unknown as Told).runs().learned.epochs.length >= wanted, epochs);
const untilFinished = (page: Page) =>
  page.waitForFunction(() => (window as unknown as Told).standing()?.isFinished === true);
const learnedEpochs = (page: Page) => page.evaluate(() => (window as unknown as Told).runs().learned.epochs);

async function download(page: Page, kind: string): Promise<Buffer> {
  const [file] = await Promise.all([page.waitForEvent('download'), page.click(`[data-kind=${kind}]`)]);
  return readFileSync(await file.path());
}

async function begin(page: Page, folder?: string): Promise<void> {
  await page.selectOption('#place', 'cpu');
  if (folder !== undefined) {
    await page.check('input[value=folder]');
    await page.setInputFiles('#folder', folder);
    await page.waitForSelector('#folder-words:has-text("classes")');
  }
  await page.click('#train:not([disabled])');
}

/** Draws lines, from corner to corner, on one of the pads: those of the classes, then the one to try. */
async function drawOn(
  page: Page,
  index: number,
  lines: readonly (readonly (readonly [number, number])[])[],
): Promise<void> {
  const pad = page.locator('.pad').nth(index);
  await pad.scrollIntoViewIfNeeded();
  const { x, y, width, height } = (await pad.boundingBox())!;
  for (const line of lines) {
    for (const [corner, [u, v]] of line.entries()) {
      await page.mouse.move(x + u * width, y + v * height, { steps: corner === 0 ? 1 : 4 });
      if (corner === 0) await page.mouse.down();
    }
    await page.mouse.up();
  }
}

/** The same training in Node, to its end. */
async function inNode(data: TrainingData): Promise<Training> {
  const faults: Error[] = [];
  const state = firstState({ device: 'cpu' }, { weightsKb: 10, activationsKb: 1.6 });
  const training = new Training(train, data, state, {
    line: () => {},
    state: () => {},
    fault: (error) => faults.push(error),
  });
  await training.run();
  expect(faults).toEqual([]);
  return training;
}

/** Bytes of the files of a kind that a tab has asked for. */
function bytesOf({ files }: OpenedTab, kind: RegExp): number {
  return [...files].reduce((sum, name) => sum + (kind.test(name) ? (site.files.get(name) ?? 0) : 0), 0);
}

/** Requests of a tab during a training. */
function expectSmall(tab: OpenedTab): void {
  expect(bytesOf(tab, kernelFile), 'kernels').toBeLessThan(64_000);
  // Fetched when a file for a device is asked for.
  const exporter = bytesOf(tab, /^exported-/);
  expect(exporter, 'the exporter, with its C').toBeLessThan(60_000);
  const scripts = /^(?!gpu(Matrix)?Kernels-).*\.(js|css|html)$/;
  expect(bytesOf(tab, scripts) - exporter, 'all else').toBeLessThan(150_000);
}

it.skipIf(!hasMnist)(
  'learns MNIST from a dropped folder under 10 kB, to the bits of Node, and what is downloaded is that',
  async () => {
    const folder = temporaryFolder();
    const mnist = mnistFolder(join(folder, 'mnist'), 2000, 500);
    const tab = await site.open('isolated');
    const { page, faults } = tab;
    const started = performance.now();
    await begin(page, mnist.folder);
    await untilFinished(page);
    const seconds = (performance.now() - started) / 1000;
    const last = (await learnedEpochs(page)).at(-1)!;
    expect(last.val_err).toBeLessThan(0.1);
    expect(last.weights_kb).toBeLessThanOrEqual(10);
    // Two minutes, of which it takes a fraction.
    expect(seconds).toBeLessThan(120);
    expect(await page.textContent('#device')).toMatch(/^Computed on cpu: \d+ threads?, WebAssembly (relaxed )?SIMD$/);

    const { float, learned } = parametersOf((await inNode(mnist.data)).state);
    const parameters = await download(page, 'learned');
    expect(parameters.equals(learned!)).toBe(true);
    expect((await download(page, 'float')).equals(float!)).toBe(true);
    const { packed, c } = exportNetwork(learned!);
    expect((await download(page, 'packed')).equals(packed)).toBe(true);
    writeFileSync(join(folder, 'c.zip'), await download(page, 'c'));
    execFileSync('python3', ['-m', 'zipfile', '-e', join(folder, 'c.zip'), folder]);
    for (const [name, text] of c) expect(readFileSync(join(folder, 'c', name), 'utf8')).toBe(text);

    // The command line finds the same error, in the folder that was dropped.
    writeFileSync(join(folder, 'params.safetensors'), parameters);
    const { stdout } = await succeeds(['eval', 'params.safetensors', '--data', 'images:mnist', '--json'], folder);
    const epochs = await learnedEpochs(page);
    const best = epochs.findLast(({ best: isBest }) => isBest)!;
    expect(JSON.parse(stdout)).toMatchObject({ error: best.val_err, weights_kb: best.weights_kb, images: 500 });
    expect(faults).toEqual([]);
    expectSmall(tab);
    expect([...tab.files].filter((name) => kernelFile.test(name))).toEqual([
      expect.stringMatching(/^kernels-evaluation-.*\.wasm$/),
      expect.stringMatching(/^kernels-training-.*\.wasm$/),
      expect.stringMatching(/^kernels-integers-.*\.wasm$/),
    ]);
    await page.close();
  },
);

describe('the generated digits', () => {
  it('are trained on one thread without isolation, which is said; a change of the budget takes effect at once', async () => {
    const { page, faults } = await site.open('plain');
    await begin(page);
    await untilLearned(page, 2);
    expect(await page.textContent('#device')).toMatch(
      /^Computed on cpu: 1 thread, .*this page is not cross-origin isolated; more threads than one need/,
    );
    await page.fill('#weightsKb', '6');
    const { length } = await learnedEpochs(page);
    await untilLearned(page, length + 2);
    const later = (await learnedEpochs(page)).slice(length + 1);
    for (const { weights_kb, inside_budget } of later) expect([weights_kb <= 6, inside_budget]).toEqual([true, true]);
    expect(await page.evaluate(() => (window as unknown as Told).runs().learned.run?.budget.weights_kb)).toBe(6);
    await page.click('button:has-text("A test image")');
    await page.waitForFunction(() => document.querySelectorAll('.answer.first').length === 2);
    expect(await page.textContent('.seen')).toMatch(/^a \d$/);
    expect(faults).toEqual([]);
    await page.close();
  });

  it('go on in a tab that was closed in the middle, to the bits of one that was not', async () => {
    const { page: first } = await site.open('isolated');
    const context: BrowserContext = first.context();
    await begin(first);
    await untilLearned(first, 3);
    await first.close();
    const { page, faults } = await site.open('isolated', context);
    // It begins by itself, with what had been drawn.
    await untilLearned(page, 3);
    const { page: second } = await site.open('isolated', context);
    await second.waitForSelector('#note:has-text("Another tab of this page is open")');
    await second.close();
    await untilFinished(page);
    const epochs = await learnedEpochs(page);
    expect(epochs.map(({ epoch }) => epoch)).toEqual(epochs.map((_, index) => index + 1));
    const { generateDigits } = await import('../../site/images/digits.js');
    const { learned } = parametersOf((await inNode(generateDigits(2000, 500))).state);
    expect((await download(page, 'learned')).equals(learned!)).toBe(true);
    expect(faults).toEqual([]);

    await page.reload();
    await untilFinished(page);
    await page.click('#forget');
    await page.waitForSelector('#trial', { state: 'hidden' });
    await page.reload();
    await page.waitForSelector('#train:has-text("Train"):not([disabled])');
    expect(await page.isHidden('#trial')).toBe(true);
    await page.close();
  });
});

describe.skipIf(skipsGpu)('drawings', () => {
  it('are trained on WebGPU', async () => {
    const tab = await site.open('plain');
    const { page, faults } = tab;
    await page.selectOption('#place', 'gpu');
    await page.check('input[value=drawn]');
    // A cross and a line, thrice each; a drawing is added by the button or by beginning one of another class.
    for (let example = 0; example < 3; example++) {
      await drawOn(page, 0, [
        [
          [0.2, 0.2],
          [0.8, 0.8],
        ],
        [
          [0.8, 0.2],
          [0.2, 0.8],
        ],
      ]);
      await drawOn(page, 1, [
        [
          [0.5, 0.1],
          [0.5 + 0.05 * example, 0.9],
        ],
      ]);
      await page.click('.card >> nth=1 >> text=Add');
    }
    await page.fill('.card >> nth=0 >> input', 'cross');
    await page.click('#train:not([disabled])');
    await untilLearned(page, 1);
    expect(await page.textContent('#device')).toMatch(/^Computed on gpu: .*float32/);
    expect(await page.textContent('#images')).toContain('48 images of 28×28 pixels, 2 classes; 2 others test.');
    await drawOn(page, 10, [
      [
        [0.2, 0.2],
        [0.8, 0.8],
      ],
    ]);
    await page.waitForFunction(() => document.querySelectorAll('.answer.first').length === 2);
    expect(['cross', '1']).toContain(await page.textContent('.answer.first >> nth=0 >> span >> nth=0'));
    expect(faults).toEqual([]);
    // Activations are measured, and one image is computed, on the CPU.
    expect([...tab.files].filter((name) => kernelFile.test(name))).toHaveLength(2);
    expectSmall(tab);
    await page.close();
  });
});

it('says what is wrong with images', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'one/a'), { recursive: true });
  writeFileSync(join(folder, 'one/a/text.png'), 'no image');
  const { page, faults } = await site.open('plain');
  await page.check('input[value=folder]');
  await page.click('#train:not([disabled])');
  expect(await page.textContent('#note')).toBe('choose a folder of images first');
  await page.setInputFiles('#folder', join(folder, 'one'));
  await page.waitForSelector('#note:has-text("the folder has no sub-folders of images")');
  mkdirSync(join(folder, 'one/b'));
  writeFileSync(join(folder, 'one/b/text.png'), 'no image');
  await page.setInputFiles('#folder', join(folder, 'one'));
  await page.waitForSelector('#note:has-text("a: has no image to train on")');
  await page.check('input[value=drawn]');
  await page.click('#train');
  expect(await page.textContent('#note')).toBe('draw examples of two classes at least');
  expect(faults).toEqual([]);
  await page.close();
});

it.each(['light', 'dark'] as const)('fits into 1280 and 400 pixels, in the %s', async (colorScheme) => {
  const { page } = await site.open('isolated');
  await page.emulateMedia({ colorScheme });
  await begin(page);
  await untilLearned(page, 1);
  await page.click('#pause');
  for (const width of [1280, 400]) {
    await page.setViewportSize({ width, height: 900 });
    await page.waitForFunction(() => document.querySelector('#bits canvas')!.clientWidth < innerWidth);
    for (const source of ['drawn', 'folder', 'generated']) {
      await page.check(`input[value=${source}]`);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    }
  }
  await page.close();
});
