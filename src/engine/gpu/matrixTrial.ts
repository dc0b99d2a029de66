/** The trial of a device's matrix units: a few small convolutions with their gradients, as the float32 kernels compute them. */

import { Graph } from '../../graph/graph.js';
import type { Plan } from '../../graph/plan.js';
import { elementCount, type Tensor } from '../../graph/tensor.js';
import { windowOf } from '../../ops/window.js';
import { makePlan } from '../../passes/planning.js';
import type { StorageArray } from '../engine.js';
import { agrees, gradientMagnitude, trialValues } from './agreement.js';
import type { OpenDevice } from './device.js';
import { loadProgram } from './gpuProgram.js';
import type { MatrixUnits } from './kernel.js';

/** The fault of the matrix units, by comparison with the float32 kernels; null for none. */
export async function trialFault(open: OpenDevice, units: MatrixUnits): Promise<string | null> {
  const { plan, results } = trialPlan();
  const expected = await resultsOf(open, plan, results, null);
  const actual = await resultsOf(open, plan, results, units);
  const wrong = results.find((_, index) => !agrees(actual[index]!, expected[index]!, units.precision));
  return wrong ? `${wrong} differs` : null;
}

/**
 * Convolutions of 16, 32 and 64 channels, with gradients and with moments, with the tiles that are used without tuning.
 * Some take images and weights directly, some behind an activation, where they may be stored in 16 bits.
 */
function trialPlan(): { plan: Plan; results: readonly string[] } {
  const graph = new Graph();
  const results: string[] = [];
  const tensor = (name: string, shape: readonly number[]) =>
    graph.whole({ name, dtype: 'float', length: elementCount(shape) }, shape);
  const output = (name: string, shape: readonly number[]) => {
    results.push(name);
    return tensor(name, shape);
  };
  for (const [inputs, outputs] of [
    [3, 16],
    [16, 32],
    [32, 64],
    [64, 16],
  ] as const) {
    const name = (base: string) => `${base} ${inputs} to ${outputs}`;
    const operand = (given: Tensor) => (inputs > 16 ? rectified(graph, given) : given);
    const x = operand(tensor(name('x'), [3, 9, 9, inputs]));
    const w = operand(tensor(name('w'), [3, 3, inputs, outputs]));
    const dy = tensor(name('dy'), [3, 9, 9, outputs]);
    const addend = tensor(name('dy before'), x.shape);
    const y = output(name('output'), dy.shape);
    const window = windowOf({ padding: 1 }, x.shape, w.shape);
    graph.append('conv2d', { x, w }, { y, moments: output(name('moments'), [2, outputs]) }, window);
    graph.append('conv2dInputGradient', { dy, w, addend }, { dx: output(name('input gradient'), x.shape) }, window);
    graph.append('conv2dWeightGradient', { x, dy }, { dw: output(name('weight gradient'), w.shape) }, window);
  }
  return { plan: makePlan({ trial: graph }), results };
}

function rectified(graph: Graph, given: Tensor): Tensor {
  const y = graph.tensor(`relu(${given.name})`, given.shape);
  graph.append('activation', { x: given, ranges: null }, { y }, { activation: { type: 'relu' } });
  return y;
}

async function resultsOf(
  open: OpenDevice,
  plan: Plan,
  results: readonly string[],
  matrixUnits: MatrixUnits | null,
): Promise<Float32Array[]> {
  const program = await loadProgram(open, plan, { matrixUnits });
  for (const [index, { name, length }] of plan.storages.entries()) {
    if (results.includes(name)) continue;
    program.write(name, trialValues(length, name.startsWith('dy') ? gradientMagnitude : 1, index + 1));
  }
  await program.run('trial');
  const values = await Promise.all(results.map((name): Promise<StorageArray> => program.read(name)));
  await program.dispose();
  return values as Float32Array[];
}
