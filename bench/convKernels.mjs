/**
 * How fast are the CPU engine's convolutions? GFLOP/s (counted as direct convolutions) of ResNet-20's layers and some of
 * ResNet-18's and MobileNetV2's: forward with moments, input gradient, weight gradient; every kernel a call needs included. Best of many
 * runs, since the machine may be busy.
 *
 * Run after `npm run build`: node bench/convKernels.mjs [--threads 1,2] [--simd relaxed|simd] [--json FILE]
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

/** images, height = width, input channels, output channels (or 'depthwise'), kernel, stride */
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
];

const { values: options } = parseArgs({
  options: {
    threads: { type: 'string', default: '1,2' },
    simd: { type: 'string', default: 'auto' },
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
    const speeds = [];
    for (const operation of OPERATIONS) speeds.push(await gflopPerSecond(engine, operation, layer));
    const [images, size, depth, channels, kernel, stride] = layer;
    const name = `${images}x${size}x${size} ${depth}→${channels} ${kernel}x${kernel}/${stride}`;
    console.log(name.padEnd(34) + speeds.map((speed) => speed.toFixed(1).padStart(10)).join(''));
    results.push({ threads, layer: name, forward: speeds[0], inputGradient: speeds[1], weightGradient: speeds[2] });
  }
  await engine.dispose();
}
if (options.json) writeFileSync(options.json, JSON.stringify({ cpu: cpus()[0].model, commit, results }, null, 2));

async function gflopPerSecond(engine, operation, [images, size, depth, channels, kernel, stride]) {
  const attributes = windowOf({ stride, padding: (kernel - 1) / 2 }, [], []);
  const resultSize = Math.floor((size - 1) / stride) + 1;
  const graph = new Graph();
  const tensor = (name, shape) => graph.whole({ name, dtype: 'float', length: shape.reduce((a, b) => a * b) }, shape);
  const x = tensor('x', [images, size, size, depth]);
  const isDepthwise = channels === 'depthwise';
  const op = `${isDepthwise ? 'depthwiseConv2d' : 'conv2d'}${operation}`;
  const results = isDepthwise ? depth : channels;
  const w = tensor('w', [kernel, kernel, ...(isDepthwise ? [depth] : [depth, channels])]);
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
  return (2 * images * resultSize ** 2 * kernel ** 2 * depth * (isDepthwise ? 1 : channels)) / bestMs / 1e6;
}
