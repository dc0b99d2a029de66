/** Every golden case of the method: values, gradients, bitwidths, start values, limits, penalties. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { goldenQuantizer, learnedPair, signedKind } from '../golden/goldenQuantizer.js';
import type { Budget, Quantizer, QuantizerKind, StartValues } from './index.js';
import {
  addPenaltyGradient,
  coreOf,
  effectiveRange,
  inferredBits,
  inferredBitsGradient,
  limitGradients,
  parameterGradients,
  parameterNames,
  penalty,
  projectParameters,
  quantizeGradient,
  quantizeValue,
  startFromWeights,
  startWithStep,
} from './index.js';

type Values = Record<string, number>;

const folder = 'test/golden';

function load<T>(file: string): T {
  return JSON.parse(readFileSync(join(folder, file), 'utf8')) as T;
}

/** A row of the table from a golden kind and golden limits. */
function quantizer(kind: string, limits: Values, more: Partial<Quantizer> = {}): Quantizer {
  return goldenQuantizer(kind, signedKind.parse(kind), limits, more);
}

function expectPair(q: Quantizer, actual: readonly [number, number], expected: Values): void {
  parameterNames(q.kind).forEach((name, i) => {
    expectClose(actual[i]!, expected[name]!);
  });
}

function expectClose(actual: number, expected: number, scale = Math.abs(expected)): void {
  expect(Math.abs(actual - expected), `${actual} for ${expected}`).toBeLessThanOrEqual(1e-9 * scale);
}

interface QuantizerCase {
  id: string;
  kind: string;
  params: Values;
  bounds: Values;
  effective: Values;
  x: number[];
  y: number[];
  g: number[];
  dx: number[];
  dparams: Values;
}

describe('quantizers.json', () => {
  const file = load<{ cases: QuantizerCase[]; tie_cases: QuantizerCase[] }>('quantizers.json');
  const cases = [...file.cases, ...file.tie_cases];

  it.each(cases)('$id', (c) => {
    const { n, delta, m } = c.params;
    const fixed = coreOf(c.kind.replace('_relu', '') as QuantizerKind).startsWith('fixed');
    const q = quantizer(c.kind, c.bounds, { fixed: fixed ? [n!, (delta ?? m)!] : null });
    const core = coreOf(q.kind);
    const [p0, p1] = learnedPair(q.kind, c.params);
    const [e0, e1] = effectiveRange(q, p0, p1);
    expectClose(e0, (core === 'uniform' || core === 'fixedUniform' ? c.effective.d : c.effective.xmin)!);
    expectClose(e1, c.effective.xmax!);

    const sums = [0, 0];
    const scales = [0, 0];
    c.x.forEach((x, i) => {
      expectClose(quantizeValue(core, q.signed, e0, e1, x), c.y[i]!);
      const { dx, s0, s1 } = quantizeGradient(core, q.signed, e0, e1, x, c.g[i]!);
      expectClose(dx, c.dx[i]!);
      sums[0]! += s0;
      sums[1]! += s1;
      scales[0]! += Math.abs(s0);
      scales[1]! += Math.abs(s1);
    });
    const gradients = parameterGradients(q, p0, p1, sums[0]!, sums[1]!);
    // The gradients are linear in the sums, so absolute sums of either sign give the sum of absolute terms.
    const same = parameterGradients(q, p0, p1, scales[0]!, scales[1]!);
    const opposite = parameterGradients(q, p0, p1, scales[0]!, -scales[1]!);
    parameterNames(q.kind).forEach((name, i) => {
      expectClose(gradients[i]!, c.dparams[name]!, Math.max(Math.abs(same[i]!), Math.abs(opposite[i]!)));
    });
  });
});

interface BitwidthCase {
  id: string;
  kind: string;
  params: Values;
  bounds: Values;
  bits: number;
  dbits: Values;
}

describe('bitwidths.json', () => {
  const file = load<{
    cases: BitwidthCase[];
    fixed: { kind: string | null; configured_bitwidth: number; bits: number }[];
  }>('bitwidths.json');

  it.each(file.cases)('$id', (c) => {
    const q = quantizer(c.kind, c.bounds);
    const [p0, p1] = learnedPair(q.kind, c.params);
    expect(inferredBits(q, p0, p1)).toBe(c.bits);
    expectPair(q, inferredBitsGradient(q, p0, p1), c.dbits);
  });

  it.each(file.fixed.filter((c) => c.kind !== null))('$kind', (c) => {
    const q = quantizer(c.kind!, {}, { bitwidth: c.configured_bitwidth });
    expect(inferredBits(q, 0, 0)).toBe(c.bits);
    expect(inferredBitsGradient(q, 0, 0)).toEqual([0, 0]);
  });
});

interface InitCase {
  id: string;
  w_quantize: string;
  w_bitwidth: number;
  w_stepsize: number;
  a_quantize: string;
  a_bitwidth: number;
  a_stepsize: number;
  weights: number[];
  bounds: Values;
  params: Values;
}

describe('init.json', () => {
  const file = load<{ weights_from_data: InitCase[]; weights_fresh: InitCase[]; activations: InitCase[] }>('init.json');

  function check(q: Quantizer, start: StartValues, expected: Values): void {
    expectPair(q, start.parameters, expected);
    if (start.fixed === null) return;
    expectClose(start.fixed[0], expected.n!);
    expectClose(start.fixed[1], (expected.delta ?? expected.m)!);
  }

  it.each(file.weights_from_data)('$id', (c) => {
    const q = quantizer(c.w_quantize, c.bounds, { bitwidth: c.w_bitwidth });
    check(q, startFromWeights(q, c.weights), c.params);
  });

  it.each(file.weights_fresh)('$id', (c) => {
    const q = quantizer(c.w_quantize, c.bounds, { bitwidth: c.w_bitwidth });
    check(q, startWithStep(q, c.w_stepsize), c.params);
  });

  it.each(file.activations)('$id', (c) => {
    const q = quantizer(c.a_quantize, c.bounds, { bitwidth: c.a_bitwidth });
    check(q, startWithStep(q, c.a_stepsize), c.params);
  });
});

interface ClippingCase {
  id: string;
  kind: string;
  constraint_set: boolean;
  params: Values;
  grads: Values;
  clipped_grads: Values;
  bounds: Values;
  projected: Values;
}

describe('clipping.json', () => {
  const file = load<{ gradient_clipping: ClippingCase[]; value_projection: ClippingCase[] }>('clipping.json');

  it.each(file.gradient_clipping)('$id', (c) => {
    const q = quantizer(c.kind, {});
    const [p0, p1] = learnedPair(q.kind, c.params);
    const [g0, g1] = learnedPair(q.kind, c.grads);
    expectPair(q, c.constraint_set ? limitGradients(q, p0, p1, g0, g1) : [g0, g1], c.clipped_grads);
  });

  it.each(file.value_projection)('$id', (c) => {
    const q = quantizer(c.kind, c.bounds);
    expectPair(q, projectParameters(q, ...learnedPair(q.kind, c.params)), c.projected);
  });
});

interface LayerValues {
  weight_params: Values;
  activation_params: Values;
}

interface PenaltyCase {
  id: string;
  w_quantize: string | null;
  a_quantize: string | null;
  weight_bounds: Values | null;
  activation_bounds: Values | null;
  target_weight_kbytes: number;
  target_activation_kbytes: number;
  target_activation_type: 'max' | 'sum';
  lambda2: number;
  lambda3: number;
  layers: (LayerValues & { weights: number; activations: number })[];
  expected: {
    weight_bits: number[];
    activation_bits: number[];
    weight_kbytes: number;
    activation_kbytes: number;
    loss2: number;
    loss3: number;
    total_penalty: number;
    loss2_grads: LayerValues[];
    loss3_grads: LayerValues[];
    total_grads: LayerValues[];
  };
}

describe('penalty.json', () => {
  const file = load<{ cases: PenaltyCase[]; tie_cases: PenaltyCase[] }>('penalty.json');

  it.each([...file.cases, ...file.tie_cases])('$id', (c) => {
    const rows: { q: Quantizer; layer: number; group: keyof LayerValues }[] = [];
    c.layers.forEach((layer, i) => {
      if (c.w_quantize) {
        const q = quantizer(c.w_quantize, c.weight_bounds!, { count: layer.weights });
        rows.push({ q, layer: i, group: 'weight_params' });
      }
      if (c.a_quantize) {
        const q = quantizer(c.a_quantize, c.activation_bounds!, { count: layer.activations });
        rows.push({ q, layer: i, group: 'activation_params' });
      }
    });
    const quantizers = rows.map(({ q }) => q);
    const table = rows.flatMap(({ q, layer, group }) => learnedPair(q.kind, c.layers[layer]![group]));
    const unquantized = {
      weights: c.w_quantize ? 0 : c.layers.reduce((sum, layer) => sum + layer.weights, 0),
      activations: c.a_quantize ? [] : c.layers.map((layer) => layer.activations),
    };
    const budget: Budget = {
      weightKbytes: c.target_weight_kbytes,
      activationKbytes: c.target_activation_kbytes,
      activationType: c.target_activation_type,
      lambdaWeight: c.lambda2,
      lambdaActivation: c.lambda3,
    };

    const { loss2, loss3, sizes } = penalty(quantizers, table, unquantized, budget);
    rows.forEach(({ layer, group }, row) => {
      const bits = group === 'weight_params' ? c.expected.weight_bits : c.expected.activation_bits;
      expect(sizes.bits[row]).toBe(bits[layer]);
    });
    expectClose(sizes.weightKbytes, c.expected.weight_kbytes);
    const max = budget.activationType === 'max';
    expectClose(max ? sizes.activationMaxKbytes : sizes.activationSumKbytes, c.expected.activation_kbytes);
    expectClose(loss2, c.expected.loss2);
    expectClose(loss3, c.expected.loss3);
    expectClose(c.lambda2 * loss2 + c.lambda3 * loss3, c.expected.total_penalty);

    const checkGradients = (lambdaWeight: number, lambdaActivation: number, expected: LayerValues[]) => {
      const gradients = new Float64Array(table.length);
      addPenaltyGradient(quantizers, table, unquantized, { ...budget, lambdaWeight, lambdaActivation }, gradients);
      rows.forEach(({ q, layer, group }, row) => {
        learnedPair(q.kind, expected[layer]![group]).forEach((value, i) => {
          expectClose(gradients[2 * row + i]!, value);
        });
      });
    };
    checkGradients(1, 0, c.expected.loss2_grads);
    checkGradients(0, 1, c.expected.loss3_grads);
    checkGradients(c.lambda2, c.lambda3, c.expected.total_grads);
  });
});
