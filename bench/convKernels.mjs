/**
 * Times the CPU engine's convolutions: GFLOP/s (counted as direct convolutions) of ResNet-20's layers and some of
 * ResNet-18's, MobileNetV2's and ResNeXt's, forward with moments, input gradient and weight gradient, with every kernel
 * that a call needs. The best of many runs, since the machine may be busy.
 *
 * Run after `npm run build`: node bench/convKernels.mjs [--threads 1,2] [--simd relaxed|simd] [--layers PATTERN] [--json FILE]
 * Beside PyTorch: python3 bench/peers/pytorchConvolutions.py, which has the depthwise and grouped ones
 */
import { execSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { createCpuEngine } from '../dist/engine/cpu/index.js';
import { Graph, operandsOf } from '../dist/graph/graph.js';
import { windowOf } from '../dist/ops/window.js';
import { makePlan } from '../dist/passes/index.js';

const RUN_MS = 300;
const MIN_RUNS = 4;
const OPERATIONS = ['', 'InputGradient', 'WeightGradient'];

/** images, height = width, input channels, output channels (or 'depthwise'), kernel, stride, groups if there are some */
const layers = [
  [128, 32, 3, 16, 3, 1],
  [128, 32, 16, 16, 3, 1],
  [128, 32, 16, 32, 3, 2],
  [128, 16, 32, 32, 3, 1],
  [128, 16, 32, 64, 3, 2],
  [128, 8, 64, 64, 3, 1],
  [8, 56, 64, 64, 3, 1],
  [16, 28, 128, 128, 3, 1],
  [32, 14, 256, 256, 3, 1],
  [32, 7, 512, 512, 3, 1],
  [8, 56, 24, 144, 1, 1],
  [8, 56, 144, 24, 1, 1],
  [32, 7, 160, 960, 1, 1],
  [8, 56, 144, 'depthwise', 3, 1],
  [8, 56, 144, 'depthwise', 3, 2],
  [32, 14, 384, 'depthwise', 3, 1],
  [32, 7, 960, 'depthwise', 3, 1],
  [8, 56, 128, 128, 3, 1, 32],
  [8, 28, 256, 256, 3, 2, 32],
  [16, 14, 512, 512, 3, 1, 32],
  [8, 56, 64, 64, 3, 1, 4],
];

const { values: options } = parseArgs({
  options: {
    threads: { type: 'string', default: '1,2' },
    simd: { type: 'string', default: 'auto' },
    layers: { type: 'string', default: '' },
    json: { type: 'string' },
  },
});

const commit = execSync('git rev-parse --short HEAD', { encoding: 'utf8' }).trim();
console.log(`${cpus()[0].model}, ${cpus().length} CPUs, Node ${process.version}, commit ${commit}`);
const results = [];
for (const threads of options.threads.split(',').map(Number)) {
  const engine = await createCpuEngine({ threads, simd: options.simd });
  console.log(`\n${engine.description}`);
  console.log(`${'layer'.padEnd(34)}${'forward'.padStart(10)}${'dx'.padStart(10)}${'dw'.padStart(10)}   GFLOP/s`);
  for (const layer of layers) {
    const [images, size, depth, channels, kernel, stride, groups] = layer;
    const window = `${kernel}x${kernel}/${stride}${groups ? `, ${groups} groups` : ''}`;
    const name = `${images}x${size}x${size} ${depth}→${channels} ${window}`;
    if (!name.match(options.layers)) continue;
    const speeds = [];
    for (const operation of OPERATIONS) speeds.push(await gflopPerSecond(engine, operation, layer));
    console.log(name.padEnd(34) + speeds.map((speed) => speed.toFixed(1).padStart(10)).join(''));
    results.push({ threads, layer: name, forward: speeds[0], inputGradient: speeds[1], weightGradient: speeds[2] });
  }
  await engine.dispose();
}
if (options.json) writeFileSync(options.json, JSON.stringify({ cpu: cpus()[0].model, commit, results }, null, 2));

async function gflopPerSecond(engine, operation, [images, size, depth, channels, kernel, stride, groups]) {
  const window = windowOf({ stride, padding: (kernel - 1) / 2 }, [], []);
  const attributes = groups ? { ...window, groups } : window;
  const resultSize = Math.floor((size - 1) / stride) + 1;
  const graph = new Graph();
  const tensor = (name, shape) => graph.whole({ name, dtype: 'float', length: shape.reduce((a, b) => a * b) }, shape);
  const x = tensor('x', [images, size, size, depth]);
  const isDepthwise = channels === 'depthwise';
  const op = `${isDepthwise ? 'depthwiseConv2d' : groups ? 'groupedConv2d' : 'conv2d'}${operation}`;
  const inputs = depth / (groups ?? 1);
  const results = isDepthwise ? depth : channels;
  const w = tensor('w', [kernel, kernel, ...(isDepthwise ? [depth] : [inputs, channels])]);
  const y = tensor('y', [images, resultSize, resultSize, results]);
  if (operation === '') graph.append(op, { x, w }, { y, moments: tensor('moments', [2, results]) }, attributes);
  if (operation === 'InputGradient') graph.append(op, { dy: y, w, addend: null }, { dx: x }, attributes);
  if (operation === 'WeightGradient') graph.append(op, { x, dy: y }, { dw: w }, attributes);
  const program = await engine.load(makePlan({ step: graph }));
  for (const { view } of operandsOf(graph.nodes[0])) {
    const { name, length } = view.storage;
    program.write(
      name,
      Float32Array.from({ length }, () => Math.random() - 0.5),
    );
  }
  let bestMs = Number.POSITIVE_INFINITY;
  const start = performance.now();
  for (let run = 0; run < MIN_RUNS || performance.now() - start < RUN_MS; run++) {
    const before = performance.now();
    await program.run('step');
    bestMs = Math.min(bestMs, performance.now() - before);
  }
  await program.dispose();
  return (2 * images * resultSize ** 2 * kernel ** 2 * inputs * (isDepthwise ? 1 : channels)) / bestMs / 1e6;
}
