/**
 * Times the GPU engine's tiles: every candidate for every convolution of ResNet-18 (or of ResNet-20) alone, in TFLOP/s,
 * the chosen one, and the sum over the network's layers. Tiles with wrong results show as 0.
 *
 * Run after `npm run build`: node bench/convolutionTiles.mjs [resnet18|resnet20] [--batch 128] [--layers 0,1,4]
 */
import { parseArgs } from 'node:util';
import { openDevice } from '../dist/engine/gpu/device.js';
import { findMatrixUnits } from '../dist/engine/gpu/matrixUnits.js';
import { availableGpu } from '../dist/engine/gpu/nodeGpu.js';
import { tune } from '../dist/engine/gpu/tuning.js';
import { Graph } from '../dist/graph/graph.js';
import { windowOf } from '../dist/ops/window.js';
import { makePlan } from '../dist/passes/index.js';

/** height = width, input channels, output channels, kernel, stride, how often */
const networks = {
  resnet18: [
    [224, 3, 64, 7, 2, 1],
    [56, 64, 64, 3, 1, 4],
    [56, 64, 128, 3, 2, 1],
    [56, 64, 128, 1, 2, 1],
    [28, 128, 128, 3, 1, 3],
    [28, 128, 256, 3, 2, 1],
    [28, 128, 256, 1, 2, 1],
    [14, 256, 256, 3, 1, 3],
    [14, 256, 512, 3, 2, 1],
    [14, 256, 512, 1, 2, 1],
    [7, 512, 512, 3, 1, 3],
  ],
  resnet20: [
    [32, 3, 16, 3, 1, 1],
    [32, 16, 16, 3, 1, 6],
    [32, 16, 32, 3, 2, 1],
    [16, 32, 32, 3, 1, 5],
    [16, 32, 64, 3, 2, 1],
    [8, 64, 64, 3, 1, 5],
  ],
};

const { values, positionals } = parseArgs({
  options: { batch: { type: 'string', default: '128' }, layers: { type: 'string' } },
  allowPositionals: true,
});
const chosen = values.layers?.split(',').map(Number);
const network = networks[positionals[0] ?? 'resnet18'].filter((_, index) => chosen?.includes(index) ?? true);
const batch = Number(values.batch);
const open = await openDevice({ gpu: await availableGpu() });
const { units, note } = await findMatrixUnits(open, 'auto');
console.log(`${open.description}, ${note}, batch ${batch}`);
const graph = new Graph();
const tensor = (name, shape) =>
  graph.whole({ name: `${name} ${graph.nodes.length}`, dtype: 'float', length: shape.reduce((a, b) => a * b) }, shape);
const counts = [];
for (const [size, inputs, outputs, kernel, stride, count] of network) {
  const out = Math.ceil(size / stride);
  const x = tensor('x', [batch, size, size, inputs]);
  const w = tensor('w', [kernel, kernel, inputs, outputs]);
  const y = tensor('y', [batch, out, out, outputs]);
  const window = windowOf({ stride, padding: (kernel - 1) / 2 }, [], []);
  const before = graph.nodes.length;
  graph.append('conv2d', { x, w }, { y, moments: tensor('moments', [2, outputs]) }, window);
  if (inputs > 3)
    graph.append('conv2dInputGradient', { dy: y, w, addend: null }, { dx: tensor('dx', x.shape) }, window);
  graph.append('conv2dWeightGradient', { x, dy: y }, { dw: tensor('dw', w.shape) }, window);
  counts.push(...Array(graph.nodes.length - before).fill(count));
}
const sums = new Map();
const store = { load: async () => ({}), save: async () => {} };
const onTuned = ({ key, multiplyAdds, milliseconds }) => {
  const best = Math.min(...milliseconds);
  const count = counts.shift();
  const speed = (ms) => (Number.isFinite(ms) ? (multiplyAdds * 2e-9) / ms : 0);
  const op = key.split(' ')[0];
  const known = sums.get(op) ?? { ms: 0, flops: 0 };
  sums.set(op, { ms: known.ms + count * best, flops: known.flops + count * multiplyAdds * 2e-9 });
  const all = milliseconds.map((ms) => speed(ms).toFixed(0)).join(' ');
  console.log(`${count} × ${key}: ${best.toFixed(3)} ms, tile ${milliseconds.indexOf(best)} of TFLOP/s ${all}`);
};
await tune(open, makePlan({ step: graph }), units, store, { onTuned });
for (const [op, { ms, flops }] of sums)
  console.log(`${op}: ${ms.toFixed(2)} ms in all, ${(flops / ms).toFixed(1)} TFLOP/s`);
open.dispose();
