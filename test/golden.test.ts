/** Every golden file on the reference engine and on the CPU engine; and that a wrong number is noticed. */

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createCpuEngine } from '../src/engine/cpu/index.js';
import type { Engine } from '../src/engine/engine.js';
import { createReferenceEngine } from '../src/engine/reference/index.js';
import { InputError } from '../src/errors.js';
import { checkGolden, type FileReport, reportLine } from '../src/golden/index.js';
import { temporaryFolder } from './temporaryFolder.js';

const golden = 'test/golden';
/** A training step with learned bitwidths of weights and activations. */
const step = 'd_waq_pow2_xmin_xmax_sum';

/** A folder with changed copies of golden files. */
function folderOf(files: Readonly<Record<string, (text: string) => string>>): string {
  const folder = temporaryFolder();
  for (const [file, change] of Object.entries(files)) {
    writeFileSync(join(folder, file), change(readFileSync(join(golden, file), 'utf8')));
  }
  return folder;
}

async function check(engine: Engine, folder: string) {
  const reports: FileReport[] = [];
  try {
    const counts = await checkGolden(folder, engine, (report) => reports.push(report));
    return { reports, counts };
  } finally {
    await engine.dispose();
  }
}

describe('golden files', () => {
  it('agree with the CPU engine', async () => {
    const { reports, counts } = await check(await createCpuEngine(), golden);
    expect(reports.filter(({ passed }) => !passed).map(reportLine)).toEqual([]);
    expect(counts).toEqual({ passed: 8, failed: 0 });
    expect(reports.every(({ cases }) => cases > 0)).toBe(true);
  });

  it('agree with the reference engine, in one of the training steps: float64 takes its time', async () => {
    const whole = (text: string) => text;
    const oneStep = (text: string) => {
      const file = JSON.parse(text);
      return JSON.stringify({ ...file, configs: file.configs.filter(({ name }: { name: string }) => name === step) });
    };
    const folder = folderOf({ 'quantizers.json': whole, 'penalty.json': whole, 'resnet20_step.json': oneStep });
    const { reports, counts } = await check(createReferenceEngine(), folder);
    expect(reports.filter(({ passed }) => !passed).map(reportLine)).toEqual([]);
    expect(counts).toEqual({ passed: 3, failed: 0 });
  });

  it('names the first wrong number', async () => {
    const folder = folderOf({
      'bitwidths.json': (text) => text.replace(/"bits": (\d)/, (_, bits) => `"bits": ${Number(bits) + 1}`),
      'clipping.json': (text) => text,
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
