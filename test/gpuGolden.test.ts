/**
 * Golden files on the GPU engine, on SwiftShader. Of the training steps one configuration, with learned bitwidths of
 * weights and activations, runs here, and with momentum only, since the conformance suite holds Adam against the
 * reference engine, which `golden.test.ts` holds against these files; `mpdnn golden DIR --device gpu` runs all of them.
 */

import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createGpuEngine } from '../src/engine/gpu/index.js';
import { checkGolden, type FileReport, reportLine } from '../src/golden/index.js';
import { skipsGpu } from './softwareGpu.js';
import { temporaryFolder } from './temporaryFolder.js';

const golden = 'test/golden';

const configuration = 'd_waq_pow2_xmin_xmax_sum';

describe.skipIf(skipsGpu)('golden files', () => {
  const folder = temporaryFolder();

  it('agree with the GPU engine', async () => {
    for (const file of ['quantizers.json', 'penalty.json']) copyFileSync(join(golden, file), join(folder, file));
    const steps = JSON.parse(readFileSync(join(golden, 'resnet20_step.json'), 'utf8'));
    steps.configs = steps.configs.filter(({ name }: { name: string }) => name === configuration);
    for (const step of steps.configs) delete step.adam;
    writeFileSync(join(folder, 'resnet20_step.json'), JSON.stringify(steps));
    const reports: FileReport[] = [];
    const engine = await createGpuEngine({ allowSoftware: true, matmulPrecision: 'float32' });
    const counts = await checkGolden(folder, engine, (report) => reports.push(report));
    await engine.dispose();
    expect(reports.filter(({ passed }) => !passed).map(reportLine)).toEqual([]);
    expect(counts).toEqual({ passed: 3, failed: 0 });
    // The generator's numbers, the start, the first step, and three steps.
    expect(reports.at(-1)?.cases).toBe(7);
  });
});
