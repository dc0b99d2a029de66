/**
 * The autotuner: times every tile that a plan's products could take, once on a device, and remembers the fastest. A tile
 * decides the order of additions, so what is remembered is also what makes runs repeatable.
 */

import { Graph } from '../../graph/graph.js';
import { makePlan, type Plan } from '../../graph/plan.js';
import { elementCount, type Tensor } from '../../graph/tensor.js';
import type { OpenDevice } from './device.js';
import { loadProgram } from './gpuProgram.js';
import type { MatrixUnits } from './kernel.js';
import { lowerPhase } from './lowering.js';
import { placePlan, type TileChoice } from './placement.js';

/** The best candidate by the name of a product. */
export type Tuning = Readonly<Record<string, number>>;

export interface TuningStore {
  /** What earlier runs have found on this device. */
  load(): Promise<Tuning>;
  save(tuning: Tuning): Promise<void>;
}

/** Timed runs of a candidate, of which the fastest counts. */
const trials = 5;

/** Finds tiles for the products of a plan that the store does not know yet; needs `timestamp-query`. */
export async function tune(
  open: OpenDevice,
  plan: Plan,
  matrixUnits: MatrixUnits | null,
  store: TuningStore,
): Promise<TileChoice> {
  const known: Record<string, number> = { ...(await store.load()) };
  const named = (key: string) => `${matrixUnits?.gradients ?? 'float32'} ${key}`;
  const choose: TileChoice = (key, candidates) => Math.min(known[named(key)] ?? 0, candidates - 1);
  if (!open.device.features.has('timestamp-query')) return choose;
  const products = productsOf(plan, matrixUnits).filter(({ key }) => known[named(key)] === undefined);
  for (const { key, candidates, trial } of products) {
    const times: number[] = [];
    for (let candidate = 0; candidate < candidates; candidate++) {
      times.push(await timeOf(open, trial, matrixUnits, candidate));
    }
    known[named(key)] = times.indexOf(Math.min(...times));
  }
  if (products.length > 0) await store.save(known);
  return choose;
}

/** The products of a plan that have a choice, each once, with a plan of its own. */
function productsOf(plan: Plan, matrixUnits: MatrixUnits | null) {
  const products = new Map<string, { key: string; candidates: number; trial: Plan }>();
  for (const nodes of Object.values(plan.phases)) {
    for (const { op, inputs, outputs, attributes } of nodes) {
      if (!op.startsWith('conv2d')) continue;
      const graph = new Graph();
      const own = ownStorages();
      graph.append(
        op,
        inputs.map((tensor) => tensor && own(graph, tensor)),
        outputs.map((t) => own(graph, t)),
        attributes,
      );
      const trial = makePlan({ trial: graph });
      const placement = placePlan(trial, matrixUnits, (key, candidates) => {
        if (candidates > 1) products.set(key, products.get(key) ?? { key, candidates, trial });
        return 0;
      });
      lowerPhase(graph.nodes, placement.forPhase('trial'));
    }
  }
  return [...products.values()];
}

/** Gives every tensor of one operation a storage of its own. */
function ownStorages() {
  const copies = new Map<Tensor, Tensor>();
  return (graph: Graph, tensor: Tensor): Tensor => {
    const { dtype, shape } = tensor;
    const copy =
      copies.get(tensor) ?? graph.whole({ name: `operand ${copies.size}`, dtype, length: elementCount(shape) }, shape);
    copies.set(tensor, copy);
    return copy;
  };
}

/** Milliseconds on the device; infinite for a tile that the device cannot make. */
async function timeOf(
  open: OpenDevice,
  trial: Plan,
  matrixUnits: MatrixUnits | null,
  candidate: number,
): Promise<number> {
  const program = await loadProgram(open, trial, { profile: true, matrixUnits, choose: () => candidate });
  let best = Number.POSITIVE_INFINITY;
  let before = 0;
  for (let run = 0; run <= trials; run++) {
    await program.run('trial');
    const total = (await program.profile()).reduce((sum, { ms }) => sum + ms, 0);
    // The first run warms up.
    if (run > 0) best = Math.min(best, total - before);
    before = total;
  }
  await program.dispose();
  return best;
}
