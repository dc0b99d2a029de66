/**
 * The conformance suite: what every engine must compute, judged by the float64 reference engine on small plans with
 * operands that float32 holds exactly. An engine's test file calls `engineConformance` and nothing else.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine, Program, StorageArray } from '../../src/engine/engine.js';
import { createReferenceEngine } from '../../src/engine/reference/index.js';
import { activationCases } from './cases/activation.js';
import { batchNormCases } from './cases/batchNorm.js';
import { chainCases } from './cases/chains.js';
import { channelCases } from './cases/channels.js';
import { convolutionCases } from './cases/convolution.js';
import { elementwiseCases } from './cases/elementwise.js';
import { gatherCases } from './cases/gather.js';
import { linearCases } from './cases/linear.js';
import { lossCases } from './cases/loss.js';
import { metricsCases } from './cases/metrics.js';
import { poolingCases } from './cases/pooling.js';
import { quantizeChannelsCases } from './cases/quantizeChannels.js';
import { quantizedActivationCases } from './cases/quantizedActivations.js';
import { quantizerTableCases } from './cases/quantizerTable.js';
import { trainingCases } from './cases/training.js';
import { updateCases } from './cases/update.js';
import { type ComparedView, type ConformanceCase, caseBuilder, guardLength, guardValue } from './conformanceCase.js';

export interface Tolerances {
  /** Largest error, relative to the largest magnitude of a result (or to the sum of the magnitudes of what is added). */
  readonly relative: number;
  /** Largest error of an element of the quantizer table, relative to itself. */
  readonly table: number;
}

/** All cases by family, made once: a file may hold several engines against them. */
export const families: Readonly<Record<string, readonly ConformanceCase[]>> = {
  convolution: convolutionCases(),
  'batch norm': batchNormCases(),
  activation: activationCases(),
  'quantized channels': quantizeChannelsCases(),
  elementwise: elementwiseCases(),
  channels: channelCases(),
  pooling: poolingCases(),
  linear: linearCases(),
  loss: lossCases(),
  gather: gatherCases(),
  update: updateCases(),
  'quantizer table': quantizerTableCases(),
  'quantized activations': quantizedActivationCases(),
  metrics: metricsCases(),
  chains: chainCases(),
  training: trainingCases(),
};

/** Storages of the reference engine after each step of a case. */
const expectedStates = new Map<ConformanceCase, Promise<StorageArray[][]>>();

function expectedOf(conformanceCase: ConformanceCase): Promise<StorageArray[][]> {
  const known = expectedStates.get(conformanceCase) ?? statesOf(createReferenceEngine(), conformanceCase);
  expectedStates.set(conformanceCase, known);
  return known;
}

/**
 * Declares the tests of one engine. The default tolerances suit float32 with plain sums.
 *
 * @param leavesOut cases that are shown as skipped; none by default
 */
export function engineConformance(
  name: string,
  createEngine: () => Promise<Engine>,
  tolerances: Tolerances = { relative: 1e-5, table: 1e-5 },
  leavesOut: (conformanceCase: ConformanceCase) => boolean = () => false,
): void {
  describe(`${name} engine conforms`, () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await createEngine();
    });
    afterAll(async () => {
      await engine?.dispose();
    });

    for (const [family, cases] of Object.entries(families)) {
      describe(family, () => {
        for (const conformanceCase of cases) {
          it.skipIf(leavesOut(conformanceCase))(conformanceCase.name, async () => {
            const expected = await expectedOf(conformanceCase);
            const actual = await statesOf(engine, conformanceCase);
            conformanceCase.steps.forEach((_, step) => {
              conformanceCase.compared.forEach((view, i) => {
                compare(view, actual[step]![i]!, expected[step]![i]!, tolerances, `after step ${step + 1}`);
              });
            });
          });
        }
      });
    }

    it('keeps writes, runs and reads in order', async () => {
      const c = caseBuilder();
      const x = c.input('x', [5], [1, 2, 3, 4, 5]);
      const y = c.output('y', [5]);
      c.graph.append('add', { a: x, b: x }, { y }, {});
      const { plan } = c.build('order');
      const program = await engine.load(plan);
      const reads: Promise<StorageArray>[] = [];
      for (let step = 1; step <= 6; step++) {
        program.write('x', [step, step + 1, step + 2, step + 3, step + 4], guardLength);
        await program.run('step');
        reads.push(program.read('y', guardLength, 5));
        program.write('x', [-1], guardLength + 2);
      }
      const results = await Promise.all(reads);
      expect(results.map((values) => [...values])).toEqual(
        [1, 2, 3, 4, 5, 6].map((step) => [0, 1, 2, 3, 4].map((i) => 2 * (step + i))),
      );
      const x5 = await program.read('x', guardLength, 5);
      expect([...x5]).toEqual([6, 7, -1, 9, 10]);
      await program.dispose();
    });

    it('starts storages at zero and keeps two programs apart', async () => {
      const c = caseBuilder();
      const x = c.input('x', [3], [0, 0, 0]);
      const y = c.output('y', [3]);
      c.graph.append('add', { a: x, b: x }, { y }, {});
      const { plan } = c.build('apart');
      const [first, second] = [await engine.load(plan), await engine.load(plan)];
      expect(first.planBytes).toBeGreaterThan(0);
      first.write('x', [1, 2, 3], guardLength);
      await first.run('step');
      await second.run('step');
      expect([...(await first.read('y', guardLength, 3))]).toEqual([2, 4, 6]);
      expect([...(await second.read('y', guardLength, 3))]).toEqual([0, 0, 0]);
      await first.dispose();
      await second.dispose();
    });

    it('refuses names that the plan lacks', async () => {
      const c = caseBuilder();
      c.graph.append('add', { a: c.input('x', [1], [0]), b: c.input('z', [1], [0]) }, { y: c.output('y', [1]) }, {});
      const program = await engine.load(c.build('names').plan);
      await expect((async () => program.read('nowhere'))()).rejects.toThrow('nowhere');
      await expect((async () => program.run('never'))()).rejects.toThrow('never');
      expect(() => program.write('nowhere', [1])).toThrow('nowhere');
      await program.dispose();
    });
  });
}

/** The contents of all compared storages after each step. */
export async function statesOf(engine: Engine, { plan, start, steps, compared, offset }: ConformanceCase) {
  const program: Program = await engine.load(plan);
  const states: StorageArray[][] = [];
  for (const [storage, values] of start) program.write(storage, values);
  for (const { phase = 'step', writes = {} } of steps) {
    for (const [storage, values] of Object.entries(writes)) program.write(storage, values, offset);
    await program.run(phase);
    states.push(await Promise.all(compared.map(({ storage }) => program.read(storage.name))));
  }
  await program.dispose();
  return states;
}

function compare(
  view: ComparedView,
  actual: StorageArray,
  expected: StorageArray,
  tolerances: Tolerances,
  when: string,
): void {
  const { storage, offset, length } = view;
  expect(actual.length, `length of ${storage.name}`).toBe(storage.length);
  const largest = largestMagnitude(expected, offset, length);
  for (let i = 0; i < storage.length; i++) {
    const value = actual[i]!;
    const right = expected[i]!;
    const inside = i >= offset && i < offset + length;
    const where = `${storage.name}[${i - offset}] of ${length} ${when}`;
    if (!inside) {
      if (value !== guardValue) expect.fail(`${where}: written outside of the view`);
    } else if (view.exact || !Number.isFinite(right)) {
      const rounded = storage.dtype === 'float' ? Math.fround(right) : right;
      if (value !== rounded && !(Number.isNaN(value) && Number.isNaN(right))) {
        expect.fail(`${where}: ${value}, exactly ${rounded} expected`);
      }
    } else {
      const scale = view.elementwise ? Math.max(Math.abs(right), 1e-6 * largest) : (view.scale ?? largest);
      const error = Math.abs(value - right);
      const limit = (view.elementwise ? tolerances.table : tolerances.relative) * scale;
      if (!(error <= limit)) expect.fail(`${where}: ${value}, ${right} expected, error ${error} above ${limit}`);
    }
  }
}

function largestMagnitude(values: StorageArray, offset: number, length: number): number {
  let largest = 0;
  for (let i = offset; i < offset + length; i++) {
    const magnitude = Math.abs(values[i]!);
    if (Number.isFinite(magnitude)) largest = Math.max(largest, magnitude);
  }
  return largest;
}
