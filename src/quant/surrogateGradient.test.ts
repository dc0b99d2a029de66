/**
 * Gradients against central differences of a surrogate: the same quantizer, written anew from the definitions, in
 * which the rounding decisions of a first run are frozen. R(v) becomes v + constant and P2(v) becomes v * constant,
 * which is exactly what straight-through differentiation assumes.
 */
import { describe, expect, it } from 'vitest';
import { exampleQuantizer } from '../../test/exampleQuantizer.js';
import { mulberry32 } from '../../test/mulberry32.js';
import type { ParameterName, Quantizer } from './index.js';
import {
  coreOf,
  effectiveRange,
  inferredBits,
  inferredBitsGradient,
  parameterGradients,
  parameterNames,
  quantizeGradient,
  quantizerKinds,
  quantizeValue,
} from './index.js';

/** Rounding decisions, recorded in the first run and replayed after each `restart`. */
function frozenRounding() {
  const decisions: number[] = [];
  let next = 0;
  const decide = (value: number): number => {
    if (next === decisions.length) decisions.push(value);
    return decisions[next++]!;
  };
  const nearest = (v: number) => Math.sign(v) * Math.floor(Math.abs(v) + 0.5);
  return {
    restart: () => {
      next = 0;
    },
    round: (v: number) => v + decide(nearest(v) - v),
    snap: (v: number) => v * decide(2 ** nearest(Math.log2(v)) / v),
    decide,
  };
}

type Frozen = ReturnType<typeof frozenRounding>;

const limits = { n: [2, 8], m: [-4, 6], d: [2 ** -8, 1], xmin: [2 ** -16, 4], xmax: [2 ** -8, 100] } as const;

function withinLimits(name: ParameterName, v: number): number {
  return Math.min(Math.max(v, limits[name][0]), limits[name][1]);
}

function surrogateRange(q: Quantizer, p0: number, p1: number, f: Frozen): [number, number] {
  const s = q.signed ? 1 : 0;
  const p = (name: ParameterName) => withinLimits(name, parameterNames(q.kind)[0] === name ? p0 : p1);
  switch (q.kind) {
    case 'parametric_fp_d_xmax':
      return [f.snap(p('d')), p('xmax')];
    case 'parametric_fp_b_xmax': {
      const K = 2 ** (f.round(p('n')) - s) - 1;
      const d = f.snap(p('xmax') / K);
      return [d, q.recomputeRange ? d * K : p('xmax')];
    }
    case 'parametric_fp_d_b': {
      const d = f.snap(p('d'));
      return [d, d * (2 ** (f.round(p('n')) - s) - 1)];
    }
    case 'parametric_fp': {
      const K = 2 ** (f.round(p('n')) - s) - 1;
      const d = f.snap(2 ** p('m') / K);
      return [d, d * K];
    }
    case 'parametric_pow2_xmin_xmax':
      return [f.snap(p('xmin')), f.snap(p('xmax'))];
    case 'parametric_pow2_b_xmax': {
      const xmax = f.snap(p('xmax'));
      return [xmax * 2 ** (1 - 2 ** (f.round(p('n')) - 1)), xmax];
    }
    case 'parametric_pow2_b_xmin': {
      const xmin = f.snap(p('xmin'));
      return [xmin, xmin * 2 ** (2 ** (f.round(p('n')) - 1) - 1)];
    }
    case 'parametric_pow2': {
      const m = f.round(p('m'));
      return [2 ** (m - 2 ** (f.round(p('n')) - 1) + 1), 2 ** m];
    }
    default:
      throw new Error(`${q.kind} learns nothing`);
  }
}

function surrogateValue(q: Quantizer, e0: number, e1: number, x: number, f: Frozen): number {
  if (coreOf(q.kind) === 'uniform') {
    const c = Math.min(Math.max(x, q.signed ? -e1 : 0), e1);
    return e0 * f.round(c / e0);
  }
  const v = q.signed ? x : Math.max(x, 0);
  const a = Math.abs(v);
  const low = f.decide(a < e0 && (q.signed || a >= e0 / Math.SQRT2) ? 1 : 0);
  const between = f.decide(a >= e0 && a < e1 ? 1 : 0);
  const high = f.decide(a >= e1 ? 1 : 0);
  return (v < 0 ? -1 : 1) * (e0 * low + (between ? f.snap(a) : 0) + e1 * high);
}

function row(kind: Quantizer['kind'], signed: boolean, recomputeRange: boolean): Quantizer {
  const interval = (name: ParameterName) => ({ min: limits[name][0], max: limits[name][1] });
  const bounds = {
    n: interval('n'),
    m: interval('m'),
    d: interval('d'),
    xmin: interval('xmin'),
    xmax: interval('xmax'),
  };
  return exampleQuantizer(kind, { signed, bounds, recomputeRange });
}

const typical = { n: [2, 4.4], m: [-1, 2], d: [0.03, 0.3], xmin: [0.02, 0.2], xmax: [0.5, 4] } as const;

const learned = quantizerKinds.filter((kind) => parameterNames(kind).length > 0);
const subjects = learned.flatMap((kind) =>
  [true, false].flatMap((signed) =>
    (kind === 'parametric_fp_b_xmax' ? [false, true] : [false]).map((recomputeRange) => ({
      kind,
      signed,
      recomputeRange,
    })),
  ),
);

/** Central difference of a function whose frozen decisions have been recorded. */
function slope(f: (v: number) => number, v: number): number {
  const h = 1e-6 * Math.abs(v);
  return (f(v + h) - f(v - h)) / (2 * h);
}

describe.each(subjects)('$kind signed=$signed recomputeRange=$recomputeRange', (subject) => {
  const q = row(subject.kind, subject.signed, subject.recomputeRange);
  const core = coreOf(q.kind);
  const names = parameterNames(q.kind);

  /** Learned values drawn inside their limits, or with one of them outside. */
  function draw(random: () => number, outside: number): [number, number] {
    return names.map((name, i) => {
      const [lo, hi] = typical[name];
      if (i === outside)
        return random() < 0.5 ? limits[name][1] * 1.3 : limits[name][0] - 0.2 * Math.abs(limits[name][0]);
      return lo + (hi - lo) * random();
    }) as [number, number];
  }

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9])('agrees with finite differences, draw %i', (seed) => {
    const random = mulberry32(seed);
    const [p0, p1] = draw(random, seed > 6 ? seed % 2 : -1);
    const [e0, e1] = effectiveRange(q, p0, p1);
    const x = Array.from({ length: 64 }, () => (random() - 0.5) * 4 * Math.min(e1, 8));
    const g = x.map(() => random() - 0.5);

    const frozen = frozenRounding();
    const loss = (a: number, b: number, shift: number) => {
      frozen.restart();
      const [s0, s1] = surrogateRange(q, a, b, frozen);
      return x.reduce((sum, v, i) => sum + g[i]! * surrogateValue(q, s0, s1, v + shift, frozen), 0);
    };
    const value = x.reduce((sum, v, i) => sum + g[i]! * quantizeValue(core, q.signed, e0, e1, v), 0);
    expect(loss(p0, p1, 0)).toBeCloseTo(value, 10);

    const sums = { dx: 0, s0: 0, s1: 0 };
    x.forEach((v, i) => {
      const element = quantizeGradient(core, q.signed, e0, e1, v, g[i]!);
      sums.dx += element.dx;
      sums.s0 += element.s0;
      sums.s1 += element.s1;
    });
    const [g0, g1] = parameterGradients(q, p0, p1, sums.s0, sums.s1);
    const near = (actual: number, expected: number) =>
      expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-5 * (1 + Math.abs(expected)));
    near(
      g0,
      slope((v) => loss(v, p1, 0), p0),
    );
    near(
      g1,
      slope((v) => loss(p0, v, 0), p1),
    );
    near(sums.dx, (loss(p0, p1, 1e-7) - loss(p0, p1, -1e-7)) / 2e-7);
  });

  it('infers bits whose gradient agrees with finite differences', () => {
    const random = mulberry32(99);
    for (let i = 0; i < 40; i++) {
      const [p0, p1] = draw(random, i % 4 === 3 ? i % 2 : -1);
      if (inferredBits(q, p0, p1) <= limits.n[0]) continue;
      const frozen = frozenRounding();
      const s = q.signed ? 1 : 0;
      const bits = (a: number, b: number) => {
        frozen.restart();
        if (q.kind === 'parametric_fp_d_xmax') {
          const [d, xmax] = surrogateRange(q, a, b, frozen);
          return Math.log2(frozen.round(xmax / d) + 1) + s;
        }
        if (q.kind === 'parametric_pow2_xmin_xmax') {
          const [xmin, xmax] = surrogateRange(q, a, b, frozen);
          return Math.log2(Math.log2(xmax / xmin) + 1) + 1;
        }
        return frozen.round(withinLimits('n', a));
      };
      expect(inferredBits(q, p0, p1)).toBe(Math.ceil(bits(p0, p1) - 1e-9));
      const [g0, g1] = inferredBitsGradient(q, p0, p1);
      const expected = [slope((v) => bits(v, p1), p0), slope((v) => bits(p0, v), p1)];
      expect(g0).toBeCloseTo(expected[0]!, 5);
      expect(g1).toBeCloseTo(expected[1]!, 5);
    }
  });
});

describe('levels that n bits can number', () => {
  const largestInteger = (q: Quantizer, n: number, xmax: number): number => {
    const [d, end] = effectiveRange(q, n, xmax);
    return quantizeValue('uniform', q.signed, d, end, 1e9) / d;
  };

  it('are exceeded by b_xmax as published', () => {
    expect(largestInteger(row('parametric_fp_b_xmax', true, false), 4, 1)).toBe(8);
  });

  it.each([true, false])('are kept by b_xmax with a recomputed range, signed=%s', (signed) => {
    const q = row('parametric_fp_b_xmax', signed, true);
    const random = mulberry32(3);
    for (let i = 0; i < 200; i++) {
      const n = 2 + 6 * random();
      const bits = inferredBits(q, n, 1);
      expect(largestInteger(q, n, 0.01 + 50 * random())).toBe(2 ** (bits - (signed ? 1 : 0)) - 1);
    }
  });

  it('are what d_xmax infers its bits from', () => {
    const random = mulberry32(4);
    for (const signed of [true, false]) {
      const q = row('parametric_fp_d_xmax', signed, false);
      for (let i = 0; i < 200; i++) {
        const [d, xmax] = [0.01 + random(), 0.01 + 50 * random()];
        const [e0, e1] = effectiveRange(q, d, xmax);
        const largest = quantizeValue('uniform', signed, e0, e1, 1e9) / e0;
        expect(largest).toBeLessThanOrEqual(2 ** (inferredBits(q, d, xmax) - (signed ? 1 : 0)) - 1);
      }
    }
  });
});
