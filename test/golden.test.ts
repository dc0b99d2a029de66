/**
 * Every golden file on the CPU engine, and on the reference engine all but the training steps, which take it long
 * (`golden.thorough.test.ts`); and that a wrong number is noticed.
 */

import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createCpuEngine } from '../src/engine/cpu/index.js';
import { createReferenceEngine } from '../src/engine/reference/index.js';
import { InputError } from '../src/errors.js';
import { reportLine } from '../src/golden/index.js';
import { check, folderOf, goldenFolder, unchanged } from './goldenFolder.js';

describe('golden files', () => {
  it('agree with the CPU engine', async () => {
    const { reports, counts } = await check(await createCpuEngine(), goldenFolder);
    expect(reports.filter(({ passed }) => !passed).map(reportLine)).toEqual([]);
    expect(counts).toEqual({ passed: 8, failed: 0 });
    expect(reports.every(({ cases }) => cases > 0)).toBe(true);
  });

  it('of quantizers and penalties agree with the reference engine', async () => {
    const folder = folderOf({ 'quantizers.json': unchanged, 'penalty.json': unchanged });
    const { reports, counts } = await check(createReferenceEngine(), folder);
    expect(reports.filter(({ passed }) => !passed).map(reportLine)).toEqual([]);
    expect(counts).toEqual({ passed: 2, failed: 0 });
  });

  it('names the first wrong number', async () => {
    const folder = folderOf({
      'bitwidths.json': (text) => text.replace(/"bits": (\d)/, (_, bits) => `"bits": ${Number(bits) + 1}`),
      'clipping.json': unchanged,
      'init.json': (text) => text.replace('mpdnn-golden/init/1', 'mpdnn-golden/init/2'),
      'penalty.json': (text) => text.slice(0, 1000),
      'quantizers.json': (text) => text.replace(/("dx": \[\s*)[-\d.]+/, '$112345'),
    });
    cpSync(join(folder, 'clipping.json'), join(folder, 'other.json'));
    const { reports, counts } = await check(createReferenceEngine(), folder);
    expect(counts).toEqual({ passed: 1, failed: 4 });
    const line = Object.fromEntries(reports.map((report) => [report.file, reportLine(report)]));
    expect(line['bitwidths.json']).toMatch(/FAILED: fixed\/fp: bits is 2, must be 3/);
    expect(line['init.json']).toMatch(/schema mpdnn-golden\/init\/2 is not known, must be mpdnn-golden\/init\/1/);
    expect(line['penalty.json']).toMatch(/FAILED: stopped: penalty\.json: .*must be JSON/);
    expect(line['quantizers.json']).toMatch(/FAILED: fp#0: dx\[0\] is 0, must be 12345/);
    expect(line['other.json']).toMatch(/not checked; skipped: no golden file of this name is known/);
  });

  it('notices a wrong gradient of a training step', async () => {
    const folder = folderOf({
      'resnet20_step.json': (text) => {
        const file = JSON.parse(text);
        file.configs.length = 1;
        file.configs[0].grads['fc/quantized_affine/W'].l2 *= 1.1;
        return JSON.stringify(file);
      },
    });
    const { reports } = await check(await createCpuEngine(), folder);
    expect(reports[0]?.firstFailure).toMatch(/a_float: first step: norm of the gradient of fc\/quantized_affine\/W/);
  });

  it('are missing in a folder without any', async () => {
    await expect(check(createReferenceEngine(), folderOf({}))).rejects.toThrow(InputError);
  });
});
