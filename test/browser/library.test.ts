/** The published browser entry in a page: gives Node's bits, and reports missing features of the page in words. */

import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { train } from '../../src/index.js';
import type { Answer } from '../../web/page.js';
import { smallTraining } from '../../web/smallTraining.js';
import { skipsGpu } from '../softwareGpu.js';
import { isThorough } from '../tier.js';
import { type BuiltPage, buildPage } from './browserPage.js';

let built: BuiltPage;
let isolated: Page;
let plain: Page;

beforeAll(async () => {
  built = await buildPage();
  [isolated, plain] = [await built.open('isolated'), await built.open('plain')];
});
afterAll(() => built.close());

type Place = Parameters<typeof smallTraining>[0];

/** Trains in a worker of the page, or in its own thread. */
function trainIn(page: Page, place: Place, where: 'trainInWorker' | 'trainHere' = 'trainInWorker'): Promise<Answer> {
  return page.evaluate(
    ([name, given]) => (window as unknown as Record<string, (place: unknown) => Promise<Answer>>)[name]!(given),
    [where, place] as const,
  );
}

async function inNode(place: Place): Promise<readonly number[]> {
  return Array.from((await train(smallTraining(place))).lastParameters!);
}

it('is small, and brings its kernels as files', () => {
  // Page and worker are built apart: what both hold has one name before the hash, and counts once.
  const sizes = new Map<string, number>();
  for (const [name, size] of built.files) {
    const stem = name.replace(/-[\w-]{8}(?=\.\w+$)/, '');
    sizes.set(stem, Math.max(size, sizes.get(stem) ?? 0));
  }
  const size = (name: string) => sizes.get(name)!;
  const cpu = (file: string) => Math.max(size(`kernels-${file}-relaxed.wasm`), size(`kernels-${file}-simd.wasm`));
  expect(cpu('evaluation') + cpu('training') + cpu('integers'), 'kernels to train on the CPU').toBeLessThan(60_000);
  // Activations are measured on the CPU first.
  expect(size('gpuKernels.js') + cpu('evaluation'), 'kernels to train on WebGPU').toBeLessThan(60_000);
  // The page's own scripts, kernels, what tunes, times and trains several networks, which no page does, and the judge.
  const apart = ['index.js', 'worker.js', 'gpuKernels.js', 'tuning.js', 'profile.js', 'lockstep.js', 'reference.js'];
  apart.push('loadTogether.js', 'ownParameters.js');
  // A page is a single rank.
  apart.push('evaluateTogether.js');
  // Kernels of devices with matrix units, which browsers do not offer to pages yet, and what their trial and tuning compare by.
  apart.push('gpuMatrixKernels.js', 'agreement.js');
  // Fetched by trainings that ask for them: quantizers, budgets, live lines, counts of oscillating weights, gradients and
  // moments of many batches, shards, weights to start from, a run to resume, images to read, AUC and IoU, channels that are no multiples, and on
  // the CPU learned bits and depthwise convolutions.
  apart.push('bitFitting.js', 'liveLines.js', 'oscillations.js', 'measurements.js', 'shardedStep.js', 'staging.js');
  apart.push('treeSum.js', 'lastWrite.js', 'resumedRun.js', 'imageStreams.js', 'filledPrograms.js');
  apart.push('quantizerStart.js', 'budgetLimits.js', 'loadReport.js', 'batchNormStart.js', 'score.js');
  apart.push('integerProducts.js', 'depthwise.js');
  const scripts = [...sizes.keys()].filter((name) => name.endsWith('.js') && !apart.includes(name));
  const sum = scripts.reduce((total, name) => total + size(name), 0);
  expect(sum, JSON.stringify([...sizes])).toBeLessThan(100 * 1024);
});

it('is used as the documents say', async () => {
  const page = await built.open('plain', 'example/');
  await page.waitForFunction(() => document.body.textContent?.startsWith('trained'));
  expect(await page.textContent('body')).toMatch(/^trained on [cg]pu: .*; the first image shows (disc|cross)-\d+$/);
});

describe('on the CPU', () => {
  it('trains to the bits of Node, with one thread and with two, in a worker and in the thread of the page', async () => {
    const bits = await inNode({ device: 'cpu', threads: 2 });
    const two = await trainIn(isolated, { device: 'cpu', threads: 2 });
    expect(two.device).toMatch(/^cpu: 2 threads, WebAssembly/);
    expect(two.parameters).toEqual(bits);
    const one = await trainIn(isolated, { device: 'cpu', threads: 1 }, 'trainHere');
    expect(one.device).toMatch(/^cpu: 1 thread, WebAssembly (relaxed )?SIMD$/);
    expect(one.parameters).toEqual(bits);
    const without = await trainIn(plain, { device: 'cpu' });
    expect(without.device).toMatch(
      /^cpu: 1 thread, .*this page is not cross-origin isolated; more threads than one need/,
    );
    expect(without.parameters).toEqual(bits);
  });

  it('says why there can be no more threads', async () => {
    const { fault } = await trainIn(plain, { device: 'cpu', threads: 2 });
    expect(fault).toMatch(/^threads = 2: this page is not cross-origin isolated; .* Cross-Origin-Opener-Policy/);
    const { fault: waiting } = await trainIn(isolated, { device: 'cpu', threads: 2 }, 'trainHere');
    expect(waiting).toMatch(/^threads = 2: a page's own thread must not wait for others; train in a Web Worker/);
  });

  it.each([
    ['is not there', { status: 404, body: '' }, /\.wasm: cannot be fetched \(status 404\); the bundler's output must/],
    [
      'is the start page',
      { status: 200, contentType: 'text/html', body: '<!doctype html>' },
      /\.wasm: is no WebAssembly but text\/html; the bundler's output must be served with its \.wasm files$/,
    ],
  ])('says so where the file of kernels %s', async (_, response, message) => {
    await plain.route('**/*.wasm', (route) => route.fulfill(response));
    const { fault } = await trainIn(plain, { device: 'cpu', threads: 1 }, 'trainHere');
    await plain.unroute('**/*.wasm');
    expect(fault).toMatch(message);
  });
});

describe.skipIf(skipsGpu || !isThorough)('on WebGPU', () => {
  it('trains to the bits of Node', async () => {
    const { device, parameters, fault } = await trainIn(isolated, { device: 'gpu' });
    expect(fault).toBeUndefined();
    expect(device).toMatch(/^gpu: .*float32/);
    // Equal bits: both run the same kernels on the SwiftShader of the same package.
    expect(parameters).toEqual(await inNode({ device: 'gpu' }));
  });
});
