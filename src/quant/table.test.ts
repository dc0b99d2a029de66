/** Properties of what works on the table of quantizers: start values, limits, projection, sizes and penalties. */
import { describe, expect, it } from 'vitest';
import { exampleQuantizer } from '../../test/exampleQuantizer.js';
import { mulberry32 } from '../../test/mulberry32.js';
import type { Budget, Quantizer } from './index.js';
import {
  addPenaltyGradient,
  coreOf,
  effectiveRange,
  inferredBits,
  limitGradients,
  parameterGradients,
  parameterNames,
  penalty,
  projectParameters,
  quantizerKinds,
  startFromWeights,
  startWithStep,
  tableSizes,
} from './index.js';

const nothing = { weights: 0, activations: [] };

function row({ kind, ...more }: Partial<Quantizer> & Pick<Quantizer, 'kind'>): Quantizer {
  return exampleQuantizer(kind, { name: 'conv/Wquant', count: 8192, fixed: null, ...more });
}

describe('start values', () => {
  it.each(quantizerKinds)('%s starts with the configured bits', (kind) => {
    const q = row({ kind });
    const start = startWithStep(q, 0.125);
    const started = { ...q, fixed: start.fixed };
    expect(start.fixed === null).toBe(parameterNames(kind).length === 2);
    expect(inferredBits(started, ...start.parameters)).toBe(4);
    const powers = coreOf(kind) === 'pow2' || coreOf(kind) === 'fixedPow2';
    expect(effectiveRange(started, ...start.parameters)).toEqual(powers ? [2 ** -7, 1] : [0.125, 0.875]);
  });

  it('keeps a step that is exactly a power of two, whichever way it is rounded', () => {
    for (const bitwidth of [3, 4, 5, 6]) {
      const largest = 0.25 * (2 ** (bitwidth - 1) - 1) - 2 ** -23;
      const start = startFromWeights(row({ kind: 'parametric_fp_d_xmax', bitwidth }), [0.1, -largest]);
      expect(start.parameters[0]).toBe(0.25);
    }
  });

  it('refuses bits that leave no magnitude', () => {
    const q = row({ kind: 'fp', bitwidth: 1 });
    expect(() => startFromWeights(q, [1])).toThrow('bitwidth 1: allowed 2 or more');
    expect(() => startWithStep(q, 0.5)).toThrow(RangeError);
    expect(startWithStep({ ...q, signed: false }, 0.5).fixed).toEqual([1, 0.5]);
    expect(() => startWithStep({ ...q, signed: false, bitwidth: 0 }, 0.5)).toThrow('allowed 1 or more');
  });
});

describe('fixed kinds', () => {
  it('need their fixed pair and have no parameters to move', () => {
    expect(() => effectiveRange(row({ kind: 'fp' }), 0, 0)).toThrow('conv/Wquant: kind fp needs its fixed pair');
    const q = row({ kind: 'pow2', fixed: [3, 0] });
    expect(effectiveRange(q, 0, 0)).toEqual([0.125, 1]);
    expect(parameterGradients(q, 0, 0, 5, 5)).toEqual([0, 0]);
    expect(projectParameters(q, 0, 0)).toEqual([0, 0]);
  });
});

describe('limits of xmin', () => {
  it('are the accounting ones in sizes and projection, the forward ones in the forward pass', () => {
    const q = row({ kind: 'parametric_pow2_xmin_xmax', accountingXmin: { min: 2 ** -16, max: 0.25 } });
    expect(effectiveRange(q, 1, 8)).toEqual([1, 8]);
    expect(inferredBits(q, 1, 8)).toBe(4);
    expect(projectParameters(q, 1, 8)).toEqual([0.25 - 1e-5, 8]);
    expect(startWithStep({ ...q, bitwidth: 2 }, 1).parameters).toEqual([0.25 - 1e-5, 1]);
  });
});

describe('gradient limit and projection', () => {
  it('limits both gradients of d_xmax to d', () => {
    expect(limitGradients(row({ kind: 'parametric_fp_d_xmax' }), 0.5, 3, -2, 0.4)).toEqual([-0.5, 0.4]);
    expect(limitGradients(row({ kind: 'parametric_fp_d_b' }), 0.5, 3, -2, 0.4)).toEqual([-2, 0.4]);
  });

  it.each(quantizerKinds)('%s is projected inside its limits, once and for all', (kind) => {
    const q = row({ kind });
    const random = mulberry32(11);
    for (let i = 0; i < 300; i++) {
      const p: [number, number] = [300 * (random() - 0.5), 300 * (random() - 0.5)];
      const projected = projectParameters(q, ...p);
      const names = parameterNames(kind);
      if (names.length === 0 || names.includes('m')) {
        expect(projected).toEqual(p);
        continue;
      }
      names.forEach((name, k) => {
        expect(projected[k]).toBeGreaterThan(q.bounds[name].min);
        expect(projected[k]).toBeLessThan(q.bounds[name].max);
      });
      const [again0, again1] = projectParameters(q, ...projected);
      expect(again0).toBeCloseTo(projected[0], 4);
      expect(again1).toBeCloseTo(projected[1], 4);
    }
  });
});

describe('sizes', () => {
  it('count 8192 bits a kB, a bias with the weights, and 32 bits where nothing is quantized', () => {
    const rows = [
      row({ kind: 'parametric_fp_d_b' }),
      row({ kind: 'fp', role: 'bias', count: 4096, bitwidth: 6 }),
      row({ kind: 'fp', role: 'activation', count: 4096, bitwidth: 2 }),
      row({ kind: 'fp', role: 'activation', count: 2048, bitwidth: 8 }),
    ];
    const table = [3.4, 0.1, 0, 0, 0, 0, 0, 0];
    expect(tableSizes(rows, table, { weights: 256, activations: [] })).toEqual({
      weightKbytes: 3 + 3 + 1,
      activationMaxKbytes: 2,
      activationSumKbytes: 3,
      activationPeakKbytes: 0,
      bits: [3, 6, 2, 8],
    });
    expect(tableSizes(rows, table, { weights: 0, activations: [256, 512, 1024] })).toMatchObject({
      activationMaxKbytes: 4,
      activationSumKbytes: 10,
    });
  });
});

describe('the peak', () => {
  const activation = (count: number) => row({ kind: 'parametric_fp_d_b', role: 'activation', count });
  const rows = [activation(4096), activation(8192), activation(8192)];
  const table = [4, 1, 3, 1, 3, 1];
  const live = [
    { members: [{ row: 0, count: 4096 }], bits: 8192 },
    {
      members: [
        { row: 0, count: 1024 },
        { row: 1, count: 8192 },
      ],
      bits: 4096,
    },
    {
      members: [
        { row: 0, count: 1024 },
        { row: 2, count: 8192 },
      ],
      bits: 4096,
    },
  ];
  const unquantized = { weights: 0, activations: [], live };

  it('is the largest of the sets that are alive together', () => {
    expect(tableSizes(rows, table, unquantized).activationPeakKbytes).toBe(0.5 + 3 + 0.5);
  });

  it('gives its gradient to every member of the first of the largest sets, by elements', () => {
    const gradients = new Float64Array(6);
    const budget: Budget = {
      weightKbytes: 0,
      activationKbytes: 3,
      activationType: 'peak',
      lambdaWeight: 0,
      lambdaActivation: 0.5,
    };
    addPenaltyGradient(rows, table, unquantized, budget, gradients);
    expect(penalty(rows, table, unquantized, budget).loss3).toBe(1);
    expect([...gradients]).toEqual([1 / 8, 0, 1, 0, 0, 0]);
  });
});

describe('penalty', () => {
  const activation = row({ kind: 'parametric_fp_b_xmax', role: 'activation' });
  const rows = [row({ kind: 'parametric_fp_b_xmax' }), activation, activation];
  const budget: Budget = {
    weightKbytes: 2,
    activationKbytes: 3,
    activationType: 'max',
    lambdaWeight: 0.5,
    lambdaActivation: 0.25,
  };

  it('adds to gradients and gives a tie of the maximum to the first', () => {
    const table = [3.2, 1, 5.2, 1, 4.8, 1];
    const gradients = [10, 20, 30, 40, 50, 60];
    addPenaltyGradient(rows, table, nothing, budget, gradients);
    expect(penalty(rows, table, nothing, budget)).toMatchObject({ loss2: 1, loss3: 4 });
    expect(gradients).toEqual([10 + 0.5 * 2 * 1, 20, 30 + 0.25 * 2 * 2, 40, 50, 60]);
  });

  it('is nothing where a budget is kept or not set', () => {
    const table = [8, 1, 8, 1, 8, 1];
    for (const [weightKbytes, activationKbytes] of [
      [8, 8],
      [0, -1],
    ] as const) {
      const kept = { ...budget, weightKbytes, activationKbytes };
      const gradients = new Float32Array(6);
      addPenaltyGradient(rows, table, nothing, kept, gradients);
      expect(penalty(rows, table, nothing, kept)).toMatchObject({ loss2: 0, loss3: 0 });
      expect([...gradients]).toEqual([0, 0, 0, 0, 0, 0]);
    }
  });

  it('leaves quantizers alone where something larger is not quantized', () => {
    const gradients = [0, 0, 0, 0, 0, 0];
    const noWeights = { ...budget, weightKbytes: 0 };
    addPenaltyGradient(rows, [3, 1, 7, 1, 7, 1], { weights: 0, activations: [8192] }, noWeights, gradients);
    expect(gradients).toEqual([0, 0, 0, 0, 0, 0]);
  });
});
