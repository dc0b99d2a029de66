/** The GPU engine in a browser page, unchanged: ten training steps, with the losses that Node gets. */

import { describe, expect, it } from 'vitest';
import { createGpuEngine } from '../../src/engine/gpu/index.js';
import { createReferenceEngine } from '../../src/engine/reference/index.js';
import { trainTenSteps } from '../../web/trainTenSteps.js';
import { skipsGpu } from '../softwareGpu.js';
import { withPage } from './browserPage.js';

describe.skipIf(skipsGpu)('the GPU engine in a browser', () => {
  it('trains ten steps in Chromium with the losses of Node', { timeout: 240_000 }, async () => {
    const inBrowser = await withPage('trainTenSteps.html?software', async (page) => {
      await page.waitForSelector('body[data-outcome]', { timeout: 120_000 });
      expect(await page.textContent('#device')).toContain('float32');
      return (await page.locator('#losses li').allTextContents()).map(Number);
    });
    const engine = await createGpuEngine({ allowSoftware: true });
    const inNode = await trainTenSteps(engine);
    await engine.dispose();
    const reference = await trainTenSteps(createReferenceEngine());
    expect(inBrowser).toHaveLength(10);
    // To the bit: both run the same kernels on the SwiftShader of the same package.
    expect(inBrowser).toEqual(inNode);
    for (const [step, loss] of reference.entries()) {
      expect(Math.abs(inBrowser[step]! / loss - 1), `step ${step + 1}`).toBeLessThan(1e-4);
    }
  });
});
