/**
 * The ceilings of an engine on this machine, as a measure for a network's kernels: its own matrix product (a 1×1
 * convolution) and its own sum of two vectors.
 */

import { Graph } from '../graph/graph.js';
import type { Plan } from '../graph/plan.js';
import { elementCount, type Tensor } from '../graph/tensor.js';
import { median } from '../median.js';
import { type Cost, costOf } from '../ops/cost.js';
import { windowOf } from '../ops/window.js';
import { makePlan } from '../passes/planning.js';
import type { Engine } from './engine.js';

export interface Ceilings {
  /** Speed of a product of two square matrices. */
  readonly flopsPerSecond: number;
  /** Memory traffic of the sum of two vectors, by the bytes of all three; small ones fit into caches. */
  readonly memory: readonly { readonly bytes: number; readonly bytesPerSecond: number }[];
}

/** Milliseconds of a measurement beyond which a larger size would tell no more. */
const longEnoughMs = 20;
/** Milliseconds of measuring; an idle GPU needs a while to reach its full clock. */
const measuredMs = 100;
const fewestRuns = 3;

/** @param engine an engine that times its calls */
export async function measureCeilings(engine: Engine): Promise<Ceilings> {
  const products = await measure(engine, [256, 512, 1024, 2048, 4096].map(product));
  const sums = await measure(engine, [2 ** 10, 2 ** 14, 2 ** 18, 2 ** 22, 2 ** 24, 2 ** 26].map(sum));
  return {
    flopsPerSecond: Math.max(...products.map(({ cost, seconds }) => cost.flops / seconds)),
    memory: sums.map(({ cost: { bytes }, seconds }) => ({ bytes, bytesPerSecond: bytes / seconds })),
  };
}

/** Seconds at the ceilings; memory traffic is that of a sum of about as many bytes. */
export function secondsAtCeiling({ flops, bytes }: Cost, { flopsPerSecond, memory }: Ceilings): number {
  const distance = (other: number) => Math.abs(Math.log(other / bytes));
  const alike = memory.reduce((best, each) => (distance(each.bytes) < distance(best.bytes) ? each : best));
  return Math.max(flops / flopsPerSecond, bytes / alike.bytesPerSecond);
}

interface Measurement {
  readonly cost: Cost;
  readonly seconds: number;
}

/** Times one plan after another until one takes long enough. */
async function measure(engine: Engine, plans: readonly Plan[]): Promise<Measurement[]> {
  const found: Measurement[] = [];
  for (const plan of plans) {
    const milliseconds = await timeOf(engine, plan);
    found.push({ cost: costOf(plan.phases.step![0]!), seconds: milliseconds / 1000 });
    if (milliseconds > longEnoughMs) break;
  }
  return found;
}

async function timeOf(engine: Engine, plan: Plan): Promise<number> {
  const program = await engine.load(plan);
  const total = async () => (await program.profile()).reduce((milliseconds, { ms }) => milliseconds + ms, 0);
  const started = performance.now();
  const times: number[] = [];
  do {
    const before = await total();
    await program.run('step');
    times.push((await total()) - before);
  } while (performance.now() - started < measuredMs || times.length < fewestRuns);
  await program.dispose();
  // Not the minimum: if threads share a core, one may arrive after the others have done its work.
  return median(times);
}

function product(size: number): Plan {
  const graph = new Graph();
  const pixels = [1, 32, size / 32, size];
  const [x, w, y] = [storage(graph, 'x', pixels), storage(graph, 'w', [1, 1, size, size]), storage(graph, 'y', pixels)];
  graph.append('conv2d', { x, w }, { y, moments: null }, windowOf({}, x.shape, w.shape));
  return makePlan({ step: graph });
}

function sum(length: number): Plan {
  const graph = new Graph();
  const [a, b, y] = ['a', 'b', 'c'].map((name) => storage(graph, name, [length]));
  graph.append('add', { a: a!, b: b! }, { y: y! }, {});
  return makePlan({ step: graph });
}

function storage(graph: Graph, name: string, shape: readonly number[]): Tensor {
  return graph.whole({ name, dtype: 'float', length: elementCount(shape) }, shape);
}
