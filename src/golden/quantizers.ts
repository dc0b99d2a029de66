/**
 * Checks quantizers.json on an engine: values, input gradients and parameter gradients of every quantizer. All cases
 * are rows of one table and calls of one phase, so that an engine compiles one plan only.
 */

import { z } from 'zod';
import type { Engine } from '../engine/engine.js';
import { Graph, type Storage } from '../graph/index.js';
import { sumsOf } from '../ops/activation.js';
import { type Activation, CONTROL_LENGTH, PENALTIES_LENGTH } from '../ops/attributes.js';
import { makePlan } from '../passes/index.js';
import {
  coreOf,
  effectiveRange,
  parameterGradients,
  parameterNames,
  type Quantizer,
  quantizeGradient,
} from '../quant/index.js';
import { readGolden } from './goldenFile.js';
import { goldenQuantizer, learnedPair, type NamedNumbers, namedNumbers, signedKind } from './goldenQuantizer.js';
import type { Tally } from './tally.js';
import { type Tolerances, tolerancesOf } from './tolerances.js';

const numbers = z.array(z.number());
const quantizerCase = z.object({
  id: z.string(),
  kind: signedKind,
  params: namedNumbers,
  bounds: namedNumbers,
  effective: namedNumbers,
  x: numbers,
  y: numbers,
  g: numbers,
  dx: numbers,
  dparams: namedNumbers,
});
const form = z.object({ cases: z.array(quantizerCase), tie_cases: z.array(quantizerCase) });
type Case = z.output<typeof quantizerCase>;

export async function checkQuantizers(path: string, engine: Engine, tally: Tally): Promise<void> {
  const file = readGolden(path, 'mpdnn-golden/quantizers/1', form);
  const cases = [...file.cases, ...file.tie_cases];
  const rows = cases.map(quantizerOf);
  const table = cases.flatMap(({ kind, params }) => learnedPair(kind.kind, params));
  const results = await run(engine, cases, rows, table);
  cases.forEach((golden, row) => {
    tally.begin(golden.id);
    compare(tally, golden, rows[row]!, results(row), tolerancesOf(engine));
  });
}

function quantizerOf({ id, kind, params, bounds }: Case): Quantizer {
  const { n, delta, m } = params;
  const fixed = parameterNames(kind.kind).length === 0;
  return goldenQuantizer(id, kind, bounds, { fixed: fixed ? [n ?? Number.NaN, delta ?? m ?? Number.NaN] : null });
}

/** Elements between the starts of cases: views may have to begin at multiples of 256 bytes. */
const ALIGNMENT = 64;

interface Result {
  readonly ranges: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  readonly dx: ArrayLike<number>;
  readonly gradients: ArrayLike<number>;
}

async function run(
  engine: Engine,
  cases: readonly Case[],
  rows: readonly Quantizer[],
  values: readonly number[],
): Promise<(row: number) => Result> {
  const graph = new Graph();
  const offsets: number[] = [];
  let length = 0;
  for (const { x } of cases) {
    offsets.push(length);
    length += Math.ceil(x.length / ALIGNMENT) * ALIGNMENT;
  }
  const elements = (name: string): Storage => ({ name, dtype: 'float', length });
  const pairs = (name: string) => graph.whole({ name, dtype: 'float', length: 2 * rows.length }, [rows.length, 2]);
  const [x, y, g, dx] = [elements('x'), elements('y'), elements('g'), elements('dx')];
  const [table, ranges, sums] = [pairs('table'), pairs('ranges'), pairs('sums')];

  graph.append('prepareQuantizers', { table }, { ranges }, { rows });
  rows.forEach(({ kind, signed, name }, row) => {
    const view = (storage: Storage) =>
      graph.tensor(`${name} ${storage.name}`, [cases[row]!.x.length], { storage, offset: offsets[row]! });
    const activation: Activation = { type: 'quantize', row, core: coreOf(kind), signed };
    graph.append('activation', { x: view(x), ranges }, { y: view(y) }, { activation });
    const results = { dx: view(dx), sums: sumsOf(graph, sums, activation) };
    graph.append('activationGradient', { x: view(x), ranges, dy: view(g) }, results, { activation });
  });
  const control = graph.whole({ name: 'control', dtype: 'float', length: CONTROL_LENGTH });
  const penalties = graph.whole({ name: 'penalties', dtype: 'float', length: PENALTIES_LENGTH });
  graph.append(
    'quantizerUpdate',
    { table, sums, velocity: pairs('velocity'), secondMoment: null, control, bitCaps: null, keptShares: null },
    { gradients: pairs('gradients'), limited: pairs('limited'), penalties },
    {
      rows,
      unquantized: { weights: 0, activations: [] },
      budget: { weightKbytes: -1, activationKbytes: -1, activationType: 'max', lambdaWeight: 0, lambdaActivation: 0 },
      solver: { type: 'momentum', momentum: 0 },
      weightDecay: 0,
    },
  );

  const program = await engine.load(makePlan({ quantize: graph }));
  try {
    program.write('table', values);
    cases.forEach((golden, row) => {
      program.write('x', golden.x, offsets[row]);
      program.write('g', golden.g, offsets[row]);
    });
    await program.run('quantize');
    const read = async (names: readonly string[]) => Promise.all(names.map((name) => program.read(name)));
    const [allY, allDx, allRanges, allGradients] = await read(['y', 'dx', 'ranges', 'gradients']);
    return (row) => {
      const [from, to] = [offsets[row]!, offsets[row]! + cases[row]!.x.length];
      return {
        y: allY!.subarray(from, to),
        dx: allDx!.subarray(from, to),
        ranges: allRanges!.subarray(2 * row, 2 * row + 2),
        gradients: allGradients!.subarray(2 * row, 2 * row + 2),
      };
    };
  } finally {
    await program.dispose();
  }
}

function compare(tally: Tally, golden: Case, quantizer: Quantizer, result: Result, tolerances: Tolerances): void {
  const { forward, gradient } = tolerances;
  const { effective, dparams } = golden;
  const first = coreOf(quantizer.kind).toLowerCase().endsWith('uniform') ? 'd' : 'xmin';
  for (const [i, name] of [first, 'xmax'].entries()) {
    const expected = effective[name] ?? Number.NaN;
    tally.near(`effective ${name}`, result.ranges[i], expected, forward(expected));
  }
  golden.y.forEach((expected, i) => {
    tally.near(`y[${i}]`, result.y[i], expected, forward(expected));
  });
  golden.dx.forEach((expected, i) => {
    tally.near(`dx[${i}]`, result.dx[i], expected, gradient * Math.abs(expected));
  });
  const scales = absoluteTerms(golden, quantizer, golden.params);
  parameterNames(quantizer.kind).forEach((name, i) => {
    tally.near(`gradient of ${name}`, result.gradients[i], dparams[name] ?? Number.NaN, gradient * scales[i]!);
  });
}

/**
 * The sums of the absolute terms of both parameter gradients. These are linear in the two sums over the elements, so
 * they are computed from sums of absolute values, with either sign between them.
 */
function absoluteTerms({ x, g, kind }: Case, quantizer: Quantizer, params: NamedNumbers): number[] {
  const [p0, p1] = learnedPair(kind.kind, params);
  const [e0, e1] = effectiveRange(quantizer, p0, p1);
  let a0 = 0;
  let a1 = 0;
  x.forEach((value, i) => {
    const { s0, s1 } = quantizeGradient(coreOf(kind.kind), kind.signed, e0, e1, value, g[i] ?? Number.NaN);
    a0 += Math.abs(s0);
    a1 += Math.abs(s1);
  });
  const same = parameterGradients(quantizer, p0, p1, a0, a1);
  const opposite = parameterGradients(quantizer, p0, p1, a0, -a1);
  return same.map((value, i) => Math.max(Math.abs(value), Math.abs(opposite[i]!)));
}
