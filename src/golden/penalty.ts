/**
 * Checks penalty.json on an engine: sizes, penalties and their gradients for small networks, as computed by
 * `quantizerUpdate`. Every network is a call of its own in one phase; the phase runs once for each pair of lambdas.
 */

import { z } from 'zod';
import type { Engine } from '../engine/engine.js';
import { Graph } from '../graph/index.js';
import { CONTROL, CONTROL_LENGTH, PENALTIES, PENALTIES_LENGTH } from '../ops/attributes.js';
import { makePlan } from '../passes/index.js';
import { type Budget, inferredBits, parameterNames, type Quantizer, type Unquantized } from '../quant/index.js';
import { readGolden } from './goldenFile.js';
import { goldenQuantizer, learnedPair, namedNumbers, signedKind } from './goldenQuantizer.js';
import type { Tally } from './tally.js';
import { type Tolerances, tolerancesOf } from './tolerances.js';

const layerValues = z.object({ weight_params: namedNumbers.nullish(), activation_params: namedNumbers.nullish() });
const numbers = z.array(z.number());
const penaltyCase = z.object({
  id: z.string(),
  w_quantize: signedKind.nullable(),
  a_quantize: signedKind.nullable(),
  weight_bounds: namedNumbers.nullable(),
  activation_bounds: namedNumbers.nullable(),
  target_weight_kbytes: z.number(),
  target_activation_kbytes: z.number(),
  target_activation_type: z.enum(['max', 'sum']),
  lambda2: z.number(),
  lambda3: z.number(),
  layers: z.array(layerValues.extend({ weights: z.number(), activations: z.number() })),
  expected: z.object({
    weight_bits: numbers,
    activation_bits: numbers,
    weight_kbytes: z.number(),
    activation_kbytes: z.number(),
    loss2: z.number(),
    loss3: z.number(),
    total_penalty: z.number(),
    loss2_grads: z.array(layerValues),
    loss3_grads: z.array(layerValues),
    total_grads: z.array(layerValues),
  }),
});
const form = z.object({ cases: z.array(penaltyCase), tie_cases: z.array(penaltyCase) });
type Case = z.output<typeof penaltyCase>;

/** A quantizer and the place of its numbers in the case. */
interface Row {
  readonly quantizer: Quantizer;
  readonly layer: number;
  readonly group: 'weight_params' | 'activation_params';
}

type Lambdas = readonly [weight: number, activation: number];

/** The phase runs with the weight penalty alone, with the activation penalty alone, and with the case's lambdas. */
const PASSES = ['loss2_grads', 'loss3_grads', 'total_grads'] as const;

function lambdasOf(pass: (typeof PASSES)[number], { lambda2, lambda3 }: Case): Lambdas {
  switch (pass) {
    case 'loss2_grads':
      return [1, 0];
    case 'loss3_grads':
      return [0, 1];
    case 'total_grads':
      return [lambda2, lambda3];
    default:
      return pass satisfies never;
  }
}

export async function checkPenalty(path: string, engine: Engine, tally: Tally): Promise<void> {
  const file = readGolden(path, 'mpdnn-golden/penalty/1', form);
  const networks = [...file.cases, ...file.tie_cases].map((golden) => ({ golden, rows: rowsOf(golden) }));
  const tolerances = tolerancesOf(engine);
  const results = await run(engine, networks);
  networks.forEach(({ golden, rows }, index) => {
    const { penalties, gradients } = results(index);
    tally.begin(golden.id);
    compareSizes(tally, golden, rows, penalties, tolerances);
    PASSES.forEach((pass, i) => {
      compareGradients(tally, golden, rows, pass, gradients[i]!, tolerances);
    });
  });
}

function rowsOf({ w_quantize, a_quantize, weight_bounds, activation_bounds, layers }: Case): Row[] {
  return layers.flatMap(({ weights, activations }, layer) => {
    const rows: Row[] = [];
    if (w_quantize) {
      const quantizer = goldenQuantizer(`weight ${layer}`, w_quantize, weight_bounds ?? {}, { count: weights });
      rows.push({ quantizer, layer, group: 'weight_params' });
    }
    if (a_quantize) {
      const limits = activation_bounds ?? {};
      const quantizer = goldenQuantizer(`activation ${layer}`, a_quantize, limits, { count: activations });
      rows.push({ quantizer, layer, group: 'activation_params' });
    }
    return rows;
  });
}

function tableOf({ layers }: Case, rows: readonly Row[]): number[] {
  return rows.flatMap(({ quantizer, layer, group }) => learnedPair(quantizer.kind, layers[layer]![group] ?? {}));
}

interface Network {
  readonly golden: Case;
  readonly rows: readonly Row[];
}

interface Result {
  readonly penalties: ArrayLike<number>;
  /** One table for each pass. */
  readonly gradients: readonly ArrayLike<number>[];
}

/** Elements between networks in every storage: more than any of them has, and a multiple of 256 bytes. */
const STRIDE = 64;

async function run(engine: Engine, networks: readonly Network[]): Promise<(index: number) => Result> {
  const storage = (name: string) => ({ name, dtype: 'float', length: networks.length * STRIDE }) as const;
  const names = ['table', 'sums', 'velocity', 'control', 'gradients', 'limited', 'penalties'] as const;
  const [table, sums, velocity, control, gradients, limited, penalties] = names.map(storage);
  const graph = new Graph();
  networks.forEach(({ golden, rows }, index) => {
    const view = (of: typeof table, shape: number[]) =>
      graph.tensor(`${of!.name} ${golden.id}`, shape, { storage: of!, offset: index * STRIDE });
    const pairs = [rows.length, 2];
    graph.append(
      'quantizerUpdate',
      {
        table: view(table, pairs),
        sums: view(sums, pairs),
        velocity: view(velocity, pairs),
        secondMoment: null,
        control: view(control, [CONTROL_LENGTH]),
        bitCaps: null,
        keptShares: null,
      },
      {
        gradients: view(gradients, pairs),
        limited: view(limited, pairs),
        penalties: view(penalties, [PENALTIES_LENGTH]),
      },
      {
        rows: rows.map(({ quantizer }) => quantizer),
        unquantized: unquantizedOf(golden),
        budget: budgetOf(golden),
        solver: { type: 'momentum', momentum: 0 },
        weightDecay: 0,
      },
    );
  });

  const program = await engine.load(makePlan({ penalize: graph }));
  try {
    const passes: ArrayLike<number>[] = [];
    for (const pass of PASSES) {
      networks.forEach(({ golden, rows }, index) => {
        const [lambdaWeight, lambdaActivation] = lambdasOf(pass, golden);
        const values = new Float64Array(CONTROL_LENGTH);
        values[CONTROL.lambdaWeight] = lambdaWeight;
        values[CONTROL.lambdaActivation] = lambdaActivation;
        program.write('control', values, index * STRIDE);
        // Written again in every pass, since the previous one's projection may have changed it.
        program.write('table', tableOf(golden, rows), index * STRIDE);
      });
      await program.run('penalize');
      passes.push(await program.read('gradients'));
    }
    const sizes = await program.read('penalties');
    return (index) => ({
      penalties: sizes.subarray(index * STRIDE, (index + 1) * STRIDE),
      gradients: passes.map((all) => Array.from(all).slice(index * STRIDE, (index + 1) * STRIDE)),
    });
  } finally {
    await program.dispose();
  }
}

function unquantizedOf({ w_quantize, a_quantize, layers }: Case): Unquantized {
  return {
    weights: w_quantize ? 0 : layers.reduce((sum, { weights }) => sum + weights, 0),
    activations: a_quantize ? [] : layers.map(({ activations }) => activations),
  };
}

function budgetOf(golden: Case): Budget {
  return {
    weightKbytes: golden.target_weight_kbytes,
    activationKbytes: golden.target_activation_kbytes,
    activationType: golden.target_activation_type,
    lambdaWeight: golden.lambda2,
    lambdaActivation: golden.lambda3,
  };
}

function compareSizes(
  tally: Tally,
  golden: Case,
  rows: readonly Row[],
  penalties: ArrayLike<number>,
  { gradient }: Tolerances,
): void {
  const { expected, lambda2, lambda3 } = golden;
  const table = tableOf(golden, rows);
  rows.forEach(({ quantizer, layer, group }, row) => {
    const bits = group === 'weight_params' ? expected.weight_bits : expected.activation_bits;
    tally.same(`bits of ${quantizer.name}`, inferredBits(quantizer, table[2 * row]!, table[2 * row + 1]!), bits[layer]);
  });
  // Multiples of 1/8192 kB below 2^24 / 8192: exact in float32 too.
  const size = golden.target_activation_type === 'max' ? PENALTIES.activationMaxKbytes : PENALTIES.activationSumKbytes;
  tally.near('weight kB', penalties[PENALTIES.weightKbytes], expected.weight_kbytes, 0);
  tally.near('activation kB', penalties[size], expected.activation_kbytes, 0);
  const loss2 = penalties[PENALTIES.loss2] ?? Number.NaN;
  const loss3 = penalties[PENALTIES.loss3] ?? Number.NaN;
  const tolerance2 = gradient * absoluteTerms(expected.loss2, expected.weight_kbytes);
  const tolerance3 = gradient * absoluteTerms(expected.loss3, expected.activation_kbytes);
  tally.near('loss2', loss2, expected.loss2, tolerance2);
  tally.near('loss3', loss3, expected.loss3, tolerance3);
  const total = lambda2 * loss2 + lambda3 * loss3;
  tally.near('total penalty', total, expected.total_penalty, lambda2 * tolerance2 + lambda3 * tolerance3);
}

/** The terms of (size − target)², of which float32 rounds the target: the excess times the sum of both. */
function absoluteTerms(loss: number, kbytes: number): number {
  const excess = Math.sqrt(loss);
  return excess * (2 * kbytes - excess);
}

function compareGradients(
  tally: Tally,
  { expected }: Case,
  rows: readonly Row[],
  pass: (typeof PASSES)[number],
  actual: ArrayLike<number>,
  { gradient }: Tolerances,
): void {
  rows.forEach(({ quantizer, layer, group }, row) => {
    const weight = group === 'weight_params';
    const loss = weight ? expected.loss2 : expected.loss3;
    const kbytes = weight ? expected.weight_kbytes : expected.activation_kbytes;
    // The gradient is a multiple of the excess: the same cancellation as in the loss.
    const amplification = loss > 0 ? absoluteTerms(loss, kbytes) / loss : 1;
    const values = learnedPair(quantizer.kind, expected[pass][layer]?.[group] ?? {});
    parameterNames(quantizer.kind).forEach((name, i) => {
      const value = values[i]!;
      const tolerance = gradient * Math.abs(value) * amplification;
      tally.near(`${pass} of ${quantizer.name} ${name}`, actual[2 * row + i], value, tolerance);
    });
  });
}
