/** The quantizer in docs/method.md: its code compiles under strict rules, and does what the text says. */

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { createRandom, generateSynthetic, trainingEpoch } from '../../src/data/index.js';
import { openDevice } from '../../src/engine/gpu/device.js';
import { loadProgram } from '../../src/engine/gpu/gpuProgram.js';
import { nodeGpu } from '../../src/engine/gpu/nodeGpu.js';
import { selectEngine } from '../../src/engine/selectEngine.js';
import { STORAGE } from '../../src/nn/index.js';
import { METRICS } from '../../src/ops/attributes.js';
import { openSession } from '../../src/program/session.js';
import { buildTrainingProgram } from '../../src/program/trainingProgram.js';
import {
  capBits,
  effectiveRange,
  inferredBits,
  inferredBitsGradient,
  parameterGradients,
  quantizedValues,
  quantizeGradient,
  quantizeValue,
  requantizeActivation,
  requantizeWeights,
  startWithStep,
} from '../../src/quant/index.js';
import { experimentFromSettings } from '../../src/settings/index.js';
import { programOptions } from '../../src/train/programOptions.js';
import { exampleQuantizer } from '../exampleQuantizer.js';
import { temporaryFolder } from '../temporaryFolder.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The example as a file, with the sources in place of the package. */
function exampleFile(): string {
  const text = readFileSync(join(root, 'docs/method.md'), 'utf8');
  const code = /### A quantizer of one's own[\s\S]*?```ts\n([\s\S]*?)```/.exec(text)?.[1];
  if (!code) throw new Error('docs/method.md has no such example');
  const file = join(temporaryFolder(), 'ownQuantizer.mts');
  const source = join(root, 'src/quant/index.js');
  writeFileSync(
    file,
    code.replace("import { quant } from 'mixed-precision-dnns'", `import * as quant from '${source}'`),
  );
  return file;
}

const file = exampleFile();

it('compiles', () => {
  const rules = { extends: join(root, 'tsconfig.json'), compilerOptions: { types: [] }, files: [file], include: [] };
  const project = join(dirname(file), 'tsconfig.json');
  writeFileSync(project, JSON.stringify(rules));
  const { status, stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', project], { encoding: 'utf8' });
  expect(stdout).toBe('');
  expect(status).toBe(0);
});

describe('once it is added', () => {
  const kind = 'real_step';
  const q = exampleQuantizer(kind, { fixed: null });

  beforeAll(async () => {
    await import(/* @vite-ignore */ file);
  });

  it('rounds to steps of any size, and says that they are', () => {
    expect(effectiveRange(q, 0.3, 1)).toEqual([0.3, 1]);
    expect(quantizeValue('uniform', true, 0.3, 1, 0.5)).toBe(0.6);
    expect(quantizedValues(q)).toBeNull();
    expect(quantizedValues(exampleQuantizer('parametric_fp_d_xmax'))).not.toBeNull();
  });

  it('has the gradients of its step and range while rounding stays as it is', () => {
    const [d, xmax] = [0.3, 1];
    const xs = [-2, -0.8, -0.2, 0.1, 0.4, 0.7, 1.5];
    const clip = (x: number, end: number) => Math.min(Math.max(x, -end), end);
    const frozen = xs.map((x) => Math.round(clip(x, xmax) / d) - clip(x, xmax) / d);
    const sum = (step: number, end: number) =>
      xs.reduce((total, x, i) => total + step * (clip(x, end) / step + frozen[i]!), 0);
    let [s0, s1] = [0, 0];
    for (const x of xs) {
      const each = quantizeGradient('uniform', true, d, xmax, x, 1);
      s0 += each.s0;
      s1 += each.s1;
    }
    const [gd, gx] = parameterGradients(q, d, xmax, s0, s1);
    expect(gd).toBeCloseTo((sum(d + 1e-6, xmax) - sum(d - 1e-6, xmax)) / 2e-6, 6);
    expect(gx).toBeCloseTo((sum(d, xmax + 1e-6) - sum(d, xmax - 1e-6)) / 2e-6, 6);
    expect(parameterGradients(q, 2, xmax, s0, s1)[0]).toBeCloseTo(0, 12);
  });

  it('infers its bits and their gradients', () => {
    expect(inferredBits(q, 0.3, 1)).toBe(3);
    expect(inferredBits(q, 0.3, 2.1)).toBe(4);
    const [bd, bx] = inferredBitsGradient(q, 0.3, 2.1);
    const slope = 1 / (8 * Math.LN2);
    expect(bd).toBeCloseTo((-slope * 2.1) / 0.09, 12);
    expect(bx).toBeCloseTo(slope / 0.3, 12);
  });

  it('starts, is capped and gets other bits like any kind', () => {
    expect(startWithStep(q, 0.125).parameters).toEqual([0.125, 0.875]);
    expect(inferredBits(q, ...capBits(q, 3, [0.3, 1], [0.3, 5]))).toBe(3);
    for (const bits of [2, 3, 5]) {
      expect(inferredBits(q, ...requantizeActivation(q, bits, 0.1, 2))).toBe(bits);
      const weights = Float32Array.from({ length: 99 }, (_, i) => Math.sin(i));
      expect(inferredBits(q, ...requantizeWeights(q, bits, [0.1, 2], weights).values)).toBeLessThanOrEqual(bits);
    }
  });

  const { train: images } = generateSynthetic(1, 4);
  const built = () => {
    const quantizers = { w_quantize: kind, a_quantize: `${kind}_relu`, layers: `conv1: a_quantize = fp_relu` };
    const experiment = experimentFromSettings('own', 'own.cfg', { ...quantizers, batch_size: 2 });
    const data = { classes: 10, imageShape: [32, 32, 3] as const, trainImages: 4, evaluationImages: 1 };
    return buildTrainingProgram(programOptions(experiment, data, null));
  };

  it('trains on the CPU', async () => {
    const session = await openSession(await selectEngine('cpu', { threads: 1 }), built());
    session.setTrainingImages(images);
    session.setBatches(trainingEpoch(images.count, 2, createRandom(1), { shift: 4, mirror: true }));
    session.program.write(STORAGE.control, [0.1, 0, 0, 0]);
    const before = [...(await session.program.read(STORAGE.quantizers))];
    expect(await session.step(0)).toBeNull();
    const metrics = await session.program.read(STORAGE.metrics);
    expect(metrics[METRICS.badStep]).toBe(0);
    const after = await session.program.read(STORAGE.quantizers);
    expect(before.filter((value, i) => value !== after[i]).length).toBeGreaterThan(20);
  });

  it('is in the table of a GPU', async () => {
    const open = await openDevice({ gpu: await nodeGpu('null'), allowSoftware: true });
    await (await loadProgram(open, built().plan)).dispose();
    open.dispose();
  });
});
