/** The live page in Chromium: what it draws are the lines of live.jsonl, each once, whatever happens to the server. */

import { appendFileSync, cpSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { serveRuns, type WatchServer } from '../../src/watch/server.js';
import { staticPage } from '../../src/watch/staticPage.js';
import { succeeds, writeTinyConfig } from '../cli/runMpdnn.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { chromiumPath } from './browserPage.js';

const folder = temporaryFolder();
const root = join(folder, 'experiments/BUDGET');
const live = join(root, 'live.jsonl');
const token = 'a-token-of-the-test';
let browser: Browser;
let server: WatchServer;

beforeAll(async () => {
  const call = ['train', 'BUDGET', '--cfg', writeTinyConfig(folder), '--no-plots'];
  [browser] = await Promise.all([
    chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox', '--no-first-run'] }),
    succeeds(call, folder),
  ]);
  server = await serveRuns([join(folder, 'experiments')], { token });
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
});

interface Opened {
  readonly page: Page;
  /** Errors of the console and of scripts, and requests to other places. */
  readonly faults: readonly string[];
}

async function open(url = server.url, options: BrowserContextOptions = {}): Promise<Opened> {
  const page = await browser.newPage(options);
  const faults: string[] = [];
  page.on('pageerror', ({ stack }) => faults.push(String(stack)));
  page.on('console', (message) => {
    // The browser reports a missing server itself.
    if (message.type() === 'error' && !message.text().includes('ERR_')) faults.push(message.text());
  });
  page.on('request', (request) => {
    if (!/^(http:\/\/127\.0\.0\.1:|file:|data:|blob:)/.test(request.url())) faults.push(request.url());
  });
  await page.goto(url);
  return { page, faults };
}

const lossesOf = (path: string): number[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .flatMap(({ type, loss1 }) => (type === 'step' ? [loss1] : []));

type PageRuns = Map<string, { steps: { loss: { y: number[] } }; epochs: unknown[]; fault: string | null }>;

const drawn = (page: Page, run = 'BUDGET'): Promise<number[]> =>
  page.evaluate((name) => (window as unknown as { runs: PageRuns }).runs.get(name)?.steps.loss.y ?? [], run);

async function untilDrawn(page: Page, losses: readonly number[], run = 'BUDGET'): Promise<void> {
  await page.waitForFunction(
    ([name, wanted]) =>
      (window as unknown as { runs: PageRuns }).runs.get(name)?.steps.loss.y.join() === (wanted as number[]).join(),
    [run, losses] as const,
  );
}

const stepLine = (step: number, loss1: number, epoch = 3) =>
  `{"type":"step","step":${step},"epoch":${epoch},"batch":${step},"batches":9999,"seconds":1,"loss1":${loss1},"loss2":0,"loss3":0,"error":0.5,"rate":0.1,"images_per_second":9,"waiting":0,"weights_kb":1,"activations_max_kb":1,"activations_sum_kb":1,"activations_peak_kb":1}\n`;

it('is small', () => {
  expect(gzipSync(readFileSync('src/watch/page.html')).length).toBeLessThan(20_000);
});

it('draws the lines of a run, and has no token in its address', async () => {
  const { page, faults } = await open();
  await untilDrawn(page, lossesOf(live));
  expect(page.url()).not.toContain(token);
  expect(await page.textContent('#title')).toBe('BUDGET');
  expect(await page.textContent('#now')).toMatch(/epoch3 of 3finished/);
  await page.waitForSelector('#tensor p:has-text("become zero")');
  const words = await page.getAttribute('#bits canvas', 'aria-label');
  expect(words).toMatch(/^Bits of every tensor now: conv1\/quantized_conv\/W \d+, /);
  expect(faults).toEqual([]);
  await page.close();
});

const weightsChart = (page: Page) => page.locator('#curves figure', { hasText: 'Weights, kB' });

/** What a chart says of the weights at the end of the run's last epoch. */
function lastWeights(): string {
  const lines = readFileSync(live, 'utf8').trimEnd().split('\n');
  const { weights_kb } = lines.map((line) => JSON.parse(line)).findLast(({ type }) => type === 'epoch');
  return `end of epoch ${Number(weights_kb.toPrecision(3))}`;
}

it('draws over whole epochs, and marks sizes at their ends, where a budget counts', async () => {
  const { page, faults } = await open();
  await untilDrawn(page, lossesOf(live));
  const written = await page.evaluate(async () => {
    const texts = new Set<string>();
    const { fillText } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
      if (this.canvas.closest('#bits, #curves') && y > this.canvas.clientHeight - 15) texts.add(text);
      fillText.call(this, text, x, y);
    };
    dispatchEvent(new Event('resize'));
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    return [...texts].sort();
  });
  expect(written).toEqual(['0', '1', '2', '3', 'epoch', 'now']);
  const weights = weightsChart(page);
  expect(await weights.locator('.legend').textContent()).toMatch(/^trainingend of epochbudget .* kB$/);
  expect(await weights.locator('canvas').getAttribute('aria-label')).toMatch(new RegExp(`, ${lastWeights()}$`));
  expect(await page.textContent('#now')).toMatch(/inside the budget\d of 3at the end of epochs/);
  expect(faults).toEqual([]);
  await page.close();
});

it('draws the epochs of a run without lines of its steps', async () => {
  const run = join(folder, 'old/EPOCHS');
  cpSync(root, run, { recursive: true });
  const lines = readFileSync(live, 'utf8').split('\n');
  writeFileSync(join(run, 'live.jsonl'), lines.filter((line) => !line.includes('"type":"step"')).join('\n'));
  const old = await serveRuns([join(folder, 'old')], { token });
  const { page, faults } = await open(old.url);
  await page.waitForSelector('#now:has-text("3 of 3")');
  await page.waitForSelector('#bits canvas[aria-label*="conv1"]');
  expect(await weightsChart(page).locator('canvas').getAttribute('aria-label')).toContain(lastWeights());
  expect(faults).toEqual([]);
  await page.close();
  await old.close();
});

it('shows a run that begins while the page is open', async () => {
  const early = await serveRuns([join(folder, 'later')], { token });
  const { page, faults } = await open(early.url);
  await page.waitForSelector('#note:has-text("No run has begun yet.")');
  cpSync(root, join(folder, 'later/BUDGET'), { recursive: true });
  await untilDrawn(page, lossesOf(live));
  expect(faults).toEqual([]);
  await page.close();
  await early.close();
});

it('goes on without a gap or a repetition when the server comes back, and anew when the run does', async () => {
  const run = join(folder, 'experiments/LIVE');
  cpSync(root, run, { recursive: true });
  const file = join(run, 'live.jsonl');
  const { page, faults } = await open(`${server.url}#run=LIVE`);
  const { length } = lossesOf(file);
  await untilDrawn(page, lossesOf(file), 'LIVE');
  appendFileSync(file, stepLine(1, 0.11).slice(0, 40));
  appendFileSync(file, stepLine(1, 0.11).slice(40));
  await untilDrawn(page, lossesOf(file), 'LIVE');

  const port = Number(new URL(server.url).port);
  await server.close();
  await page.waitForFunction(() => document.querySelector('#connection')?.textContent?.includes('trying again'));
  expect(await page.textContent('#now')).toMatch(/within 0\.80* kB/);
  appendFileSync(file, stepLine(2, 0.22) + stepLine(3, 0.33, 4));
  server = await serveRuns([join(folder, 'experiments')], { port, token });
  await untilDrawn(page, lossesOf(file), 'LIVE');
  expect((await drawn(page, 'LIVE')).slice(length)).toEqual([0.11, 0.22, 0.33]);
  expect(await page.textContent('#now')).toMatch(/over 0\.80* kB now/);
  expect(await page.textContent('#connection')).toBe('');

  cpSync(live, join(run, 'aside'));
  appendFileSync(join(run, 'aside'), stepLine(1, 0.44));
  renameSync(join(run, 'aside'), file);
  await untilDrawn(page, lossesOf(file), 'LIVE');
  expect((await drawn(page, 'LIVE')).slice(length)).toEqual([0.44]);
  expect(faults).toEqual([]);
  await page.close();
});

it('says what is wrong with a run, and goes on with the others', async () => {
  const [damaged, younger] = ['DAMAGED', 'YOUNGER'].map((name) => join(folder, 'experiments', name)) as [
    string,
    string,
  ];
  cpSync(root, damaged, { recursive: true });
  appendFileSync(join(damaged, 'live.jsonl'), `{"type":"st\n${stepLine(1, 0.5)}`);
  cpSync(root, younger, { recursive: true });
  writeFileSync(join(younger, 'live.jsonl'), `{"type":"run","version":2,"tensors":[]}\n${stepLine(1, 0.5)}`);
  const { page, faults } = await open(`${server.url}#run=DAMAGED&run=YOUNGER`);
  await untilDrawn(page, [...lossesOf(live), 0.5], 'DAMAGED');
  expect(await page.textContent('#note')).toBe('1 damaged line(s) of live.jsonl are left out.');
  await page.click('button:has-text("YOUNGER")');
  await page.waitForSelector('#note:has-text("has version 2, this program reads up to version 1")');
  await page.click('button:has-text("BUDGET")');
  await untilDrawn(page, lossesOf(live));
  expect(faults).toEqual([]);
  await page.close();
});

it('shows nothing without the token', async () => {
  const page = await browser.newPage();
  const response = await page.goto(new URL('/', server.url).href);
  expect([response?.status(), await page.textContent('body')]).toEqual([
    403,
    'open the address that mpdnn has printed, with its token\n',
  ]);
  await page.close();
});

it('holds a long run in little memory', async () => {
  const long = join(folder, 'experiments/LONG');
  cpSync(root, long, { recursive: true });
  appendFileSync(join(long, 'live.jsonl'), Array.from({ length: 5000 }, (_, i) => stepLine(i + 1, i % 7)).join(''));
  const { page } = await open(`${server.url}#run=LONG`);
  await untilDrawn(page, lossesOf(join(long, 'live.jsonl')), 'LONG');
  const { usedSize } = await (await page.context().newCDPSession(page)).send('Runtime.getHeapUsage');
  expect(usedSize).toBeLessThan(100e6);
  await page.close();
});

it.each(['light', 'dark'] as const)(
  'is a file too, and fits into 1280 and 400 pixels, in the %s',
  async (colorScheme) => {
    const file = join(folder, 'live.html');
    writeFileSync(file, staticPage([root]));
    const { page, faults } = await open(pathToFileURL(file).href, { colorScheme });
    await untilDrawn(page, lossesOf(live));
    for (const width of [1280, 400]) {
      await page.setViewportSize({ width, height: 900 });
      await page.waitForFunction(() => document.querySelector('canvas')!.clientWidth < innerWidth);
      await page.waitForSelector('#tensor p:has-text("become zero")');
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      const painted = await page.$eval('#bits canvas', (canvas: HTMLCanvasElement) => {
        const { data } = canvas.getContext('2d')!.getImageData(0.7 * canvas.width, 0, 1, canvas.height);
        return new Set(Array.from({ length: data.length / 4 }, (_, i) => data.slice(4 * i, 4 * i + 3).join())).size;
      });
      expect(painted).toBeGreaterThan(1);
    }
    expect(faults).toEqual([]);
    await page.close();
  },
);
