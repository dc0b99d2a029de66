/** The tab in Chromium: trains, says where, asks nobody for anything, and is small. */

import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunData } from '../../src/watch/page/runData.js';
import { type BuiltSite, buildSite } from './builtSite.js';

let site: BuiltSite;
beforeAll(async () => {
  site = await buildSite();
});
afterAll(() => site?.close());

/** What the page puts on `window`. */
type Runs = () => { readonly float: RunData; readonly learned: RunData };

async function untilLearned(page: Page, epochs: number): Promise<void> {
  await page.waitForFunction(
    (wanted) => (window as unknown as { runs: Runs }).runs().learned.epochs.length >= wanted,
    epochs,
  );
}

it('is small', () => {
  const sizes = [...site.files];
  const sum = (of: RegExp) => sizes.reduce((total, [name, size]) => total + (of.test(name) ? size : 0), 0);
  expect(sum(/\.wasm$/), 'kernels').toBeLessThan(60_000);
  expect(sum(/\.(js|css|html)$/), 'all else').toBeLessThan(150_000);
});

it.each([
  ['isolated', /^Computed on cpu: \d+ threads?, WebAssembly/],
  ['plain', /^Computed on cpu: 1 thread, .*this page is not cross-origin isolated; more threads than one need/],
] as const)('trains on generated digits, %s, and says on what', async (served, words) => {
  const { page, faults } = await site.open(served);
  await page.click('#train:not([disabled])');
  await untilLearned(page, 2);
  expect(await page.textContent('#device')).toMatch(words);
  await page.click('button:has-text("A test image")');
  await page.waitForFunction(() => document.querySelectorAll('.answer.first').length === 2);
  expect(faults).toEqual([]);
  await page.close();
});
