/**
 * The autotuner: times all candidate tiles of a plan's products, once on a device, and keeps the fastest ones with
 * right results. A tile determines the order of additions, so keeping it also makes runs repeatable.
 */

import { type AnyNode, Graph, type Tensors } from '../../graph/graph.js';
import type { Plan } from '../../graph/plan.js';
import { elementCount, type Storage, type Tensor } from '../../graph/tensor.js';
import { costOf } from '../../ops/cost.js';
import { makePlan } from '../../passes/planning.js';
import type { LoadProgress, Program, StorageArray } from '../engine.js';
import { agrees, gradientMagnitude, trialValues } from './agreement.js';
import type { OpenDevice } from './device.js';
import { loadProgram } from './gpuProgram.js';
import type { MatrixUnits } from './kernel.js';
import { traitsOf } from './kernelTraits.js';
import { lowerPhase } from './lowering.js';
import { narrowFormats } from './narrowing.js';
import { placePlan, type TileChoice } from './placement.js';

/** Index of the best candidate, by the name of a product. */
type Tuning = Readonly<Record<string, number>>;

export interface TuningStore {
  /** The store's place, for messages. */
  readonly place: string;
  /** Loads the results of earlier runs on this device. */
  load(): Promise<Tuning>;
  /** Null if nothing can be saved: unknown products then use their first tile, for the same bits every time. */
  readonly save: ((tuning: Tuning) => Promise<void>) | null;
}

export interface TuningEvents {
  /** Called with every product that was tuned. */
  readonly onTuned?: (product: TunedProduct) => void;
  readonly onProgress?: LoadProgress | undefined;
}

/** Times of a product's candidates; infinite for a tile that the device cannot make or computes wrongly. */
export interface TunedProduct {
  readonly key: string;
  readonly multiplyAdds: number;
  readonly milliseconds: readonly number[];
}

/** The tasks in words, which say why they come before the first step of the first run only. */
const tasks = {
  compile: 'compiling tiles to try, once for this GPU and network',
  time: 'trying tiles, once for this GPU and network',
};

/** Runs of a first timing, handed over at once; candidates slower than the fastest by this factor are out. */
const firstRuns = 4;
const contenders = 1.5;
/**
 * Device time of a candidate in the second timing, and most runs in each of its turns. A GPU that waits between kernels keeps
 * a low clock (an H200 345 to 1185 of 1980 MHz), at which other tiles win: candidates take turns, without a pause, of which the
 * first only raises the clock.
 */
const secondMs = 30;
const turns = 5;
const mostRuns = 64;
/** So long a GPU that was waiting may take to reach its clock. */
const warmUpMs = 200;
/** So many elements of an operand are filled, and of each result compared. */
const filledElements = 1 << 20;
const comparedElements = 1 << 14;

/**
 * Tunes the products of a plan that the store does not know yet; needs `timestamp-query`. All candidates of all
 * products are phases of one program, so that they compile concurrently and share their operands' memory.
 */
export async function tune(
  open: OpenDevice,
  plan: Plan,
  matrixUnits: MatrixUnits | null,
  store: TuningStore,
  { onTuned, onProgress }: TuningEvents = {},
): Promise<TileChoice> {
  const known: Record<string, number> = { ...(await store.load()) };
  const named = (key: string) => `${matrixUnits?.precision ?? 'float32'} ${key}`;
  const choose: TileChoice = (key, candidates) => Math.min(known[named(key)] ?? 0, candidates - 1);
  if (!store.save || !open.device.features.has('timestamp-query')) return choose;
  const products = productsOf(plan, matrixUnits).filter(({ key }) => known[named(key)] === undefined);
  if (products.length === 0) return choose;
  const agreesWith = matrixUnits && (await float32Check(open, products, matrixUnits));
  const onCompiled = (done: number, total: number) => onProgress?.(tasks.compile, done, total);
  const program = await loadTrials(open, products, matrixUnits, onCompiled);
  await warmUp(program, products);
  for (const [index, product] of products.entries()) {
    const milliseconds = await timesOf(program, product, index, agreesWith);
    known[named(product.key)] = milliseconds.indexOf(Math.min(...milliseconds));
    onTuned?.({ key: product.key, multiplyAdds: costOf(product.node).flops / 2, milliseconds });
    onProgress?.(tasks.time, index + 1, products.length);
  }
  await program.dispose();
  await store.save(known);
  return choose;
}

interface Product {
  readonly key: string;
  readonly candidates: number;
  readonly node: AnyNode;
  /** Names of operands that the plan stores in 16 bits. */
  readonly narrow: readonly string[];
}

const phaseOf = (product: number, candidate: number) => `product ${product}, tile ${candidate}`;

/** The products of a plan with several candidates, each once. */
function productsOf(plan: Plan, matrixUnits: MatrixUnits | null): Product[] {
  const products = new Map<string, Product>();
  const nodes = Object.values(plan.phases).flatMap((calls) => {
    const formats = narrowFormats(calls, matrixUnits);
    return calls.map((node) => ({
      node,
      narrow: tensorsOf(node.operands).flatMap(([name, tensor]) => (formats.has(tensor) ? [name] : [])),
    }));
  });
  for (const { node, narrow } of nodes) {
    if (!traitsOf(node.op).isTiled) continue;
    const graph = trialGraph({ node, narrow }, storagesOf([node]));
    const placement = placePlan(makePlan({ trial: graph }), {
      matrixUnits,
      choose: (key, candidates) => {
        if (candidates > 1) products.set(key, products.get(key) ?? { key, candidates, node, narrow });
        return 0;
      },
    });
    lowerPhase(graph.nodes, placement.forPhase('trial'));
  }
  return [...products.values()];
}

/** The tensors that are present, with their names in the operation; those of one name share a storage. */
function tensorsOf(tensors: Tensors): [name: string, Tensor][] {
  return Object.entries(tensors).flatMap(([name, tensor]) => (tensor ? [[name, tensor]] : []));
}

/** The storages of all operands and results, as long as the longest of each name. */
function storagesOf(nodes: readonly AnyNode[]): ReadonlyMap<string, Storage> {
  const lengths = new Map<string, number>();
  for (const { operands, results } of nodes) {
    for (const [name, { shape }] of [...tensorsOf(operands), ...tensorsOf(results)]) {
      lengths.set(name, Math.max(lengths.get(name) ?? 0, elementCount(shape)));
    }
  }
  return new Map([...lengths].map(([name, length]) => [name, { name, dtype: 'float', length }]));
}

/**
 * A graph of the operation alone, on storages by name. Operands stored in 16 bits pass through an activation, whose
 * result is.
 */
function trialGraph({ node, narrow }: Pick<Product, 'node' | 'narrow'>, storages: ReadonlyMap<string, Storage>): Graph {
  const graph = new Graph();
  const own = (name: string, { shape }: Tensor) =>
    graph.tensor(name, shape, { storage: storages.get(name)!, offset: 0 });
  const activated = (x: Tensor) => {
    const y = graph.tensor(`relu(${x.name})`, x.shape);
    graph.append('activation', { x, ranges: null }, { y }, { activation: { type: 'relu' } });
    return y;
  };
  const operands = Object.entries<Tensor | null>(node.operands).map(([name, tensor]) => {
    if (!tensor) return [name, null];
    return [name, narrow.includes(name) ? activated(own(name, tensor)) : own(name, tensor)];
  });
  const results = Object.entries<Tensor | null>(node.results).map(([name, tensor]) => [
    name,
    tensor && own(name, tensor),
  ]);
  graph.nodes.push({ ...node, operands: Object.fromEntries(operands), results: Object.fromEntries(results) });
  return graph;
}

/** A program with a phase for every candidate of every product, its operands filled. */
async function loadTrials(
  open: OpenDevice,
  products: readonly Product[],
  matrixUnits: MatrixUnits | null,
  onCompiled?: (done: number, total: number) => void,
): Promise<Program> {
  const storages = storagesOf(products.map(({ node }) => node));
  const phases = products.flatMap((product, index) =>
    Array.from({ length: product.candidates }, (_, candidate) => ({
      name: phaseOf(index, candidate),
      graph: trialGraph(product, storages),
      candidate,
    })),
  );
  // Phases are lowered in order, each requesting one tile.
  const choices = phases.map(({ candidate }) => candidate);
  const choose: TileChoice = (_, candidates) => Math.min(choices.shift() ?? 0, candidates - 1);
  const plan = makePlan(Object.fromEntries(phases.map(({ name, graph }) => [name, graph])));
  const program = await loadProgram(open, plan, { profile: true, matrixUnits, choose, skipsFaulty: true }, onCompiled);
  const computed = products.flatMap(({ node }) => Object.keys(node.results));
  for (const [index, { name, length }] of [...storages.values()].entries()) {
    if (computed.includes(name)) continue;
    const magnitude = name === 'dy' || name === 'addend' ? gradientMagnitude : 1;
    program.write(name, trialValues(Math.min(length, filledElements), magnitude, index + 1));
  }
  return program;
}

/** Milliseconds of a product's candidates; for those far behind in the first timing only that timing. */
async function timesOf(
  program: Program,
  { candidates, node }: Product,
  index: number,
  agreesWith: Check | null,
): Promise<number[]> {
  const timed = (candidate: number, count: number) => timeOf(program, phaseOf(index, candidate), node, count);
  const first: number[] = [];
  for (let candidate = 0; candidate < candidates; candidate++) {
    const isRight = (await runs(program, phaseOf(index, candidate))) && (await agreesWith?.(program, index)) !== false;
    first.push(isRight ? await timed(candidate, firstRuns) : Number.POSITIVE_INFINITY);
  }
  const slowest = contenders * Math.min(...first);
  const contending = [...first.entries()].filter(([, ms]) => ms <= slowest && Number.isFinite(ms));
  const times = [...first];
  for (const [candidate] of contending) times[candidate] = 0;
  for (let turn = 0; turn < turns; turn++) {
    for (const [candidate, ms] of contending) {
      const mean = await timed(candidate, Math.min(Math.ceil(secondMs / turns / ms), mostRuns));
      if (turn > 0) times[candidate]! += mean / (turns - 1);
    }
  }
  return times;
}

/** Tells whether the results that a program has just computed for a product are right. */
type Check = (program: Program, product: number) => Promise<boolean>;

/** A check that a program's results for a product agree with those of the float32 kernels. */
async function float32Check(
  open: OpenDevice,
  products: readonly Product[],
  { precision }: MatrixUnits,
): Promise<Check> {
  const untuned = products.map((product) => ({ ...product, candidates: 1 }));
  const program = await loadTrials(open, untuned, null);
  const expected: StorageArray[][] = [];
  for (const [index, { node }] of products.entries()) {
    await program.run(phaseOf(index, 0));
    expected.push(await resultsOf(program, node));
  }
  await program.dispose();
  return async (tuned, index) => {
    const results = await resultsOf(tuned, products[index]!.node);
    return results.every((result, i) => agrees(result, expected[index]![i]!, precision));
  };
}

function resultsOf(program: Program, { results }: AnyNode): Promise<StorageArray[]> {
  const parts = tensorsOf(results).map(([name, { shape }]) =>
    program.read(name, 0, Math.min(elementCount(shape), comparedElements)),
  );
  return Promise.all(parts);
}

async function warmUp(program: Program, products: readonly Product[]): Promise<void> {
  const started = performance.now();
  for (let turn = 0; performance.now() - started < warmUpMs; turn++) {
    await runs(program, phaseOf(turn % products.length, 0), firstRuns);
  }
}

/** False where the device could not make the kernel. */
async function runs(program: Program, phase: string, times = 1): Promise<boolean> {
  try {
    await Promise.all(Array.from({ length: times }, () => program.run(phase)));
    return true;
  } catch {
    return false;
  }
}

/** Milliseconds of the operation on the device, a mean over `count` runs that follow each other. */
async function timeOf(program: Program, phase: string, node: AnyNode, count: number): Promise<number> {
  const before = await totalOf(program, phase, node);
  await runs(program, phase, count);
  return ((await totalOf(program, phase, node)) - before) / count;
}

async function totalOf(program: Program, phase: string, { op }: AnyNode): Promise<number> {
  const entries = (await program.profile()).filter((entry) => entry.phase === phase && entry.node.op === op);
  return entries.reduce((sum, { ms }) => sum + ms, 0);
}
