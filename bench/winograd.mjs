/**
 * Would Winograd's F(2×2, 3×3) be faster than the engine's own products? For 3×3 convolutions of ResNet-18 (batch 128) and
 * ResNet-20 (batch 1024) and their gradients: milliseconds of the engine's kernels with tuned tiles, and of Winograd in one
 * kernel (transforms on the way in and out), in two (images transformed before) and in three, whose products are the engine's
 * 1×1 convolution of 16 planes. One process, rounds in turn, medians; the engine's kernels compute moments too. Results are
 * compared with the engine's.
 *
 * Run after `npm run build`: node bench/winograd.mjs [--network resnet18|resnet20] [--sides 14,28] [--rounds 5] [--batch 128]
 */
import { parseArgs } from 'node:util';
import { openDevice } from '../dist/engine/gpu/device.js';
import { createBuffers, dispatchOf, parameterBuffer } from '../dist/engine/gpu/dispatch.js';
import { gradientScale } from '../dist/engine/gpu/kernelTraits.js';
import { lowerPhase } from '../dist/engine/gpu/lowering.js';
import { findMatrixUnits } from '../dist/engine/gpu/matrixUnits.js';
import { availableGpu } from '../dist/engine/gpu/nodeGpu.js';
import { compilePipelines } from '../dist/engine/gpu/pipelines.js';
import { placePlan } from '../dist/engine/gpu/placement.js';
import { tune } from '../dist/engine/gpu/tuning.js';
import { Graph } from '../dist/graph/graph.js';
import { median } from '../dist/median.js';
import { windowOf } from '../dist/ops/window.js';
import { makePlan } from '../dist/passes/index.js';
import { passTime } from './passTime.mjs';
import * as kernels from './winogradKernels.mjs';

const { values } = parseArgs({
  options: {
    network: { type: 'string', default: 'resnet18' },
    sides: { type: 'string' },
    batch: { type: 'string' },
    rounds: { type: 'string', default: '5' },
  },
});
/** Channels by side. */
const networks = {
  resnet18: { batch: 128, layers: { 56: 64, 28: 128, 14: 256, 7: 512 } },
  resnet20: { batch: 1024, layers: { 32: 16, 16: 32, 8: 64 } },
};
const { layers, batch } = networks[values.network];
const images = Number(values.batch ?? batch);
/** Device time of a candidate in a round. */
const roundMs = 5;

const open = await openDevice({ gpu: await availableGpu(), needs: ['timestamp-query'] });
const { device } = open;
const { units, note } = await findMatrixUnits(open, 'auto');
if (!units) throw new Error(`${open.description}: ${note}`);
console.log(`${open.description}, ${note}, ${values.network}, batch ${images}`);
for (const side of values.sides?.split(',') ?? Object.keys(layers)) await compare(Number(side), layers[side]);
open.dispose();

/** Times all ways to compute a layer, and prints them. */
async function compare(side, channels) {
  const shape = { images, side, inputs: channels, outputs: channels, channels };
  const engine = await engineLayer(shape, 3);
  // The products of 16 planes, with the tiles of an image for its pixels.
  const apart = await engineLayer({ ...shape, images: 16 * images, side: Math.ceil(side / 2) }, 1);
  const { x, w, dy, y, dx } = engine.bindings;
  fill(
    x,
    Array.from({ length: 16 }, (_, i) => i / 8),
  );
  fill(
    w,
    Array.from({ length: 15 }, (_, i) => (i - 7) / 64),
  );
  fill(
    dy,
    Array.from({ length: 4093 }, (_, i) => Math.sin(i * i)),
  );
  const weights = scratch(32 * channels * channels);
  const blocks = scratch(512 * Math.ceil(kernels.tilesOf(shape) / 16) * channels);
  const planes = (from, to, how) =>
    ownDispatch(kernels.planesKernel({ ...shape, ...how }), [from, to], kernels.planesGroups({ ...shape, ...how }));
  const depth = Math.min(channels, 32);
  const fused = { m: 1024 / depth, n: Math.min(channels, 64), depth, subgroups: 8, isApart: false };
  const split = { ...fused, m: 32, subgroups: 16, isApart: true };
  const candidates = [];
  const add = (op, name, to, ...dispatches) =>
    candidates.push({ op, name, to, dispatches: dispatches.flat(), times: [] });
  const upstream = await planes(dy, apart.bindings.dy, { layout: 'planes', upstream: true });
  for (const [op, from, to, scale] of [
    ['conv2d', x, y, 1],
    ['conv2dInputGradient', dy, dx, 1 / engine.scale],
  ]) {
    const rotated = op !== 'conv2d';
    const transform = await ownDispatch(
      kernels.weightsKernel({ ...shape, rotated }),
      [w, weights],
      kernels.weightsGroups(shape),
    );
    const product = (form, source) =>
      ownDispatch(
        kernels.productKernel({ ...shape, scale }, form),
        [source, weights, to],
        kernels.productGroups(shape, form),
      );
    add(op, 'engine', to, engine.of(op));
    add(op, 'one kernel', to, transform, await product(fused, from));
    add(
      op,
      'two kernels',
      to,
      transform,
      await planes(from, blocks, { layout: 'blocks' }),
      await product(split, blocks),
    );
    const toPlanes = await planes(from, apart.bindings.x, { layout: 'planes' });
    const results = await ownDispatch(
      kernels.resultsKernel(shape),
      [apart.bindings.y, to],
      kernels.resultsGroups(shape),
    );
    add(op, 'three kernels', null, transform, toPlanes, apart.of('conv2d'), results);
    if (rotated) continue;
    for (const [name, dispatch] of Object.entries({ weights: transform, images: toPlanes, results })) {
      add(op, `  ${name}`, null, dispatch);
    }
    add(op, '  products', null, apart.of(op));
    const gradient = 'conv2dWeightGradient';
    add(gradient, 'engine', null, engine.of(gradient));
    add(gradient, 'three kernels', null, toPlanes, upstream, apart.of(gradient));
    add(gradient, '  upstream', null, upstream);
    add(gradient, '  products', null, apart.of(gradient));
  }
  await timeInTurn(candidates);
  const flops = 2 * images * side * side * 9 * channels * channels;
  console.log(`${side}×${side}×${channels}`);
  const engineMs = (op) => median(candidates.find((each) => each.op === op).times);
  for (const { op, name, times, error } of candidates.sort((a, b) => a.op.localeCompare(b.op))) {
    const ms = median(times);
    const speed = `${ms.toFixed(4)} ms ${(flops / ms / 1e9).toFixed(0).padStart(6)} TFLOP/s ${(engineMs(op) / ms).toFixed(2).padStart(6)}`;
    console.log(`${op.padEnd(21)} ${speed}  ${name}${error ? `, largest difference ${error.toExponential(1)}` : ''}`);
  }
  for (const { buffer } of [weights, blocks]) buffer.destroy();
  engine.dispose();
  apart.dispose();
}

/** Fills in the times of the candidates, at a clock that has no time to fall, and their differences from the engine. */
async function timeInTurn(candidates) {
  const right = new Map();
  for (const candidate of candidates) {
    const { op, to, dispatches } = candidate;
    candidate.runs = Math.max(3, Math.min(100, Math.round(roundMs / (await run(dispatches, 3)))));
    if (!to) continue;
    const found = await sample(to);
    const expected = right.get(op) ?? found;
    right.set(op, expected);
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    candidate.error = Math.max(...expected.map((value, i) => Math.abs(value - found[i]))) / largest;
  }
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const { dispatches, runs, times } of candidates) {
      const ms = await run(dispatches, runs);
      if (round > 0) times.push(ms);
    }
  }
}

/** Milliseconds of the dispatches, a mean over so many runs. */
async function run(dispatches, runs) {
  const nanoseconds = await passTime(device, (pass) => {
    for (let i = 0; i < runs; i++) {
      for (const { pipeline, bindGroups, workgroups } of dispatches) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, bindGroups[0]);
        pass.dispatchWorkgroups(...workgroups);
      }
    }
  });
  return nanoseconds / 1e6 / runs;
}

/**
 * A convolution and its gradients by the engine: dispatches by operation, and the tensors' buffers. Operands pass through
 * an activation, so that the engine stores them in 16 bits as in a step.
 */
async function engineLayer({ images, side, inputs, outputs }, kernel) {
  const graph = new Graph();
  const tensor = (name, shape) => graph.whole({ name, dtype: 'float', length: shape.reduce((a, b) => a * b) }, shape);
  const activated = (name, shape) => {
    const y = graph.tensor(name, shape);
    const activation = { type: 'relu' };
    graph.append('activation', { x: tensor(`${name} before`, shape), ranges: null }, { y }, { activation });
    return y;
  };
  const x = activated('x', [images, side, side, inputs]);
  const w = activated('w', [kernel, kernel, inputs, outputs]);
  const dy = activated('dy', [images, side, side, outputs]);
  const results = { y: tensor('y', dy.shape), dx: tensor('dx', x.shape), dw: tensor('dw', w.shape) };
  const window = windowOf({ stride: 1, padding: (kernel - 1) / 2 }, [], []);
  graph.append('conv2d', { x, w }, { y: results.y, moments: tensor('moments', [2, outputs]) }, window);
  graph.append('conv2dInputGradient', { dy, w, addend: null }, { dx: results.dx }, window);
  graph.append('conv2dWeightGradient', { x, dy }, { dw: results.dw }, window);
  const plan = makePlan({ layer: graph });
  const choose = await tune(open, plan, units, { place: '', load: async () => ({}), save: async () => {} });
  const placement = placePlan(plan, { matrixUnits: units, choose });
  const phase = placement.forPhase('layer');
  const lowered = lowerPhase(graph.nodes, phase).filter(({ nodes }) => nodes[0].op !== 'activation');
  const calls = lowered.map(({ call }) => call);
  const { pipelines } = await compilePipelines(device, calls);
  const buffers = await createBuffers(device, placement.buffers);
  const parameters = parameterBuffer(device, calls);
  const dispatches = lowered.map((each) => dispatchOf(device, each, pipelines, buffers, parameters));
  const binding = (tensor) => {
    const { buffer } = phase.place(tensor);
    const { within } = buffer;
    const size = Math.ceil(buffer.bytes / 16) * 16;
    return { buffer: buffers.get(within?.buffer ?? buffer), offset: within?.byteOffset ?? 0, size };
  };
  return {
    of: (op) => dispatches.filter(({ nodes }) => nodes[0].op === op),
    bindings: Object.fromEntries(Object.entries({ x, w, dy, ...results }).map(([name, each]) => [name, binding(each)])),
    /** The factor with which the engine keeps gradients. */
    scale: gradientScale(dy),
    dispose: () => [...buffers.values(), parameters].map((buffer) => buffer.destroy()),
  };
}

/** A dispatch of a kernel of this bench. */
async function ownDispatch(code, bindings, workgroups) {
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const entries = bindings.map(({ buffer, offset, size }, binding) => ({
    binding,
    resource: { buffer, offset, size },
  }));
  const layout = pipeline.getBindGroupLayout(0);
  return { pipeline, bindGroups: [device.createBindGroup({ layout, entries })], workgroups };
}

function scratch(size) {
  return { buffer: device.createBuffer({ size, usage: GPUBufferUsage.STORAGE }), offset: 0, size };
}

/** The first and the last numbers of a result. */
async function sample({ buffer, offset, size }) {
  const bytes = Math.min(2 ** 17, size / 2);
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = device.createBuffer({ size: 2 * bytes, usage });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, offset, staging, 0, bytes);
  encoder.copyBufferToBuffer(buffer, offset + size - bytes, staging, bytes, bytes);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const numbers = new Float32Array(staging.getMappedRange()).slice();
  staging.destroy();
  return numbers;
}

/** Fills a binding with float16 of these values, in an order by a hash that comes again after a million. */
function fill({ buffer, offset, size }, numbers) {
  const table = Uint16Array.from(numbers, float16);
  const part = Uint16Array.from(
    { length: Math.min(size / 2, 2 ** 20) },
    (_, i) => table[(Math.imul(i + 1, 2_654_435_761) >>> 8) % table.length],
  );
  for (let at = 0; at < size; at += part.byteLength) {
    device.queue.writeBuffer(buffer, offset + at, part, 0, Math.min(part.length, (size - at) / 2));
  }
}

/** The bits of a number rounded to float16; zero for one below float16's normal range. */
function float16(value) {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0];
  const rounded = bits + 0xfff + ((bits >> 13) & 1);
  const exponent = ((rounded >> 23) & 0xff) - 112;
  const sign = (bits >> 16) & 0x8000;
  return exponent <= 0 ? sign : sign | (exponent << 10) | ((rounded >> 13) & 0x3ff);
}
