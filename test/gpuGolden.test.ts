/**
 * The golden files of quantizers and penalties on the GPU engine, on SwiftShader, which takes its time for the training
 * steps (`golden.thorough.test.ts`). `mpdnn golden DIR --device gpu` runs all of them on a GPU.
 */

import { describe, expect, it } from 'vitest';
import { createGpuEngine } from '../src/engine/gpu/index.js';
import { reportLine } from '../src/golden/index.js';
import { check, folderOf, unchanged } from './goldenFolder.js';
import { skipsGpu } from './softwareGpu.js';

describe.skipIf(skipsGpu)('golden files', () => {
  it('of quantizers and penalties agree with the GPU engine', async () => {
    const engine = await createGpuEngine({ allowSoftware: true, matmulPrecision: 'float32' });
    const { reports, counts } = await check(
      engine,
      folderOf({ 'quantizers.json': unchanged, 'penalty.json': unchanged }),
    );
    expect(reports.filter(({ passed }) => !passed).map(reportLine)).toEqual([]);
    expect(counts).toEqual({ passed: 2, failed: 0 });
  });
});
