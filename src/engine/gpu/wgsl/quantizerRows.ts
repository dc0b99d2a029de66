/**
 * The quantizer table's static half on a GPU: every row packed into words, and the mathematics of `quant/` in WGSL:
 * effective ranges, gradients of learned values, inferred bits, limiting, projection and bit caps.
 *
 * One shader serves rows of all kinds by a switch. Numbers are float32, decisions that a bitwidth hangs on (rounding,
 * powers of two, binary digits) are exact for these. See `quant/` for the formulas and their sources.
 */

import {
  capMargin,
  effectiveRange,
  type Interval,
  limitMargin,
  parameterNames,
  type Quantizer,
  type QuantizerKind,
  wideLimitsOfM,
} from '../../../quant/index.js';
import { float } from '../kernel.js';
import { rounding } from './rounding.js';

const kindCodes: Readonly<Record<QuantizerKind, number>> = {
  fp: 0,
  pow2: 1,
  parametric_fp: 2,
  parametric_fp_d_xmax: 3,
  parametric_fp_b_xmax: 4,
  parametric_fp_d_b: 5,
  parametric_pow2: 6,
  parametric_pow2_xmin_xmax: 7,
  parametric_pow2_b_xmax: 8,
  parametric_pow2_b_xmin: 9,
};

const integerFields = ['kind', 'signed', 'isActivation', 'count', 'bitwidth', 'recomputeRange', 'projects'] as const;
/** Two words each: lower and upper limit, or a pair. */
const pairFields = ['n', 'm', 'd', 'xmin', 'xmax', 'accountingXmin', 'fixed', 'project0', 'project1'] as const;
const rowWords = integerFields.length + 2 * pairFields.length;

type IntegerField = (typeof integerFields)[number];
type PairField = (typeof pairFields)[number];

/** The rows as words for `KernelSource.words`, with zeros up to `room` rows. */
export function packRows(rows: readonly Quantizer[], room = rows.length): Uint32Array {
  const words = new Uint32Array(room * rowWords);
  const floats = new Float32Array(words.buffer);
  rows.forEach((quantizer, row) => {
    const integers = integersOf(quantizer);
    const pairs = pairsOf(quantizer);
    integerFields.forEach((field, i) => {
      words[row * rowWords + i] = integers[field];
    });
    pairFields.forEach((field, i) => {
      floats.set(pairs[field], row * rowWords + integerFields.length + 2 * i);
    });
  });
  return words;
}

function integersOf(quantizer: Quantizer): Record<IntegerField, number> {
  const [, second] = parameterNames(quantizer.kind);
  return {
    kind: kindCodes[quantizer.kind],
    signed: quantizer.signed ? 1 : 0,
    isActivation: quantizer.role === 'activation' ? 1 : 0,
    count: quantizer.count,
    bitwidth: quantizer.bitwidth,
    recomputeRange: quantizer.recomputeRange ? 1 : 0,
    projects: second !== undefined && second !== 'm' ? 1 : 0,
  };
}

function pairsOf(quantizer: Quantizer): Record<PairField, readonly [number, number]> {
  const { n, m, d, xmin, xmax } = quantizer.bounds;
  const pair = ({ min, max }: Interval) => [min, max] as const;
  const project = (index: number) => {
    const name = parameterNames(quantizer.kind)[index] ?? 'n';
    const { min, max } = name === 'xmin' ? quantizer.accountingXmin : quantizer.bounds[name];
    return [min + limitMargin, max - limitMargin] as const;
  };
  return {
    n: pair(n),
    m: [Math.max(m.min, wideLimitsOfM.min), Math.min(m.max, wideLimitsOfM.max)],
    d: pair(d),
    xmin: pair(xmin),
    xmax: pair(xmax),
    accountingXmin: pair(quantizer.accountingXmin),
    fixed: quantizer.fixed ? effectiveRange(quantizer, 0, 0) : [0, 0],
    project0: project(0),
    project1: project(1),
  };
}

/** Names of the fields as WGSL constants, and their loads; needs `word` of `KernelSource.words`. */
const fields = `
${integerFields.map((field, i) => `const ${field}Field = ${i}u;`).join('\n')}
${pairFields.map((field, i) => `const ${field}Limits = ${integerFields.length + 2 * i}u;`).join('\n')}
fn integer(row: u32, field: u32) -> u32 { return word(row * ${rowWords}u + field); }
fn pair(row: u32, field: u32) -> vec2f {
  return vec2f(bitcast<f32>(integer(row, field)), bitcast<f32>(integer(row, field + 1u)));
}
fn within(row: u32, field: u32, v: f32) -> f32 { let l = pair(row, field); return limit(v, l.x, l.y); }
// Derivative of within.
fn slopeOf(row: u32, field: u32, v: f32) -> f32 { let l = pair(row, field); return inside(v, l.x, l.y); }
// R(n) within its limits, less s.
fn digits(row: u32, n: f32, s: u32) -> i32 { return i32(roundHalfAway(within(row, nLimits, n))) - i32(s); }
`;

/** `effective(row, p)`: the two numbers that elements need. */
export const effectiveRanges = /* wgsl */ `${rounding}${fields}
// T of a uniform quantizer: 2^(bits of a magnitude).
fn levels(row: u32, n: f32) -> f32 { return powerOfTwo(digits(row, n, integer(row, signedField))); }
// T of a power-of-two quantizer: how many magnitudes there are.
fn magnitudes(row: u32, n: f32) -> i32 { return i32(powerOfTwo(digits(row, n, 1u))); }

fn effective(row: u32, p: vec2f) -> vec2f {
  switch integer(row, kindField) {
    case 2u: {
      let k = levels(row, p.x) - 1.0;
      let d = nearestPowerOfTwo(exp2(within(row, mLimits, p.y)) / k);
      return vec2f(d, d * k);
    }
    case 3u: { return vec2f(nearestPowerOfTwo(within(row, dLimits, p.x)), within(row, xmaxLimits, p.y)); }
    case 4u: {
      let k = levels(row, p.x) - 1.0;
      let xmax = within(row, xmaxLimits, p.y);
      let d = nearestPowerOfTwo(xmax / k);
      return vec2f(d, select(xmax, d * k, integer(row, recomputeRangeField) == 1u));
    }
    case 5u: {
      let d = nearestPowerOfTwo(within(row, dLimits, p.y));
      return vec2f(d, d * (levels(row, p.x) - 1.0));
    }
    case 6u: {
      let exponent = i32(roundHalfAway(within(row, mLimits, p.y)));
      return vec2f(powerOfTwo(exponent - magnitudes(row, p.x) + 1), powerOfTwo(exponent));
    }
    case 7u: {
      return vec2f(nearestPowerOfTwo(within(row, xminLimits, p.x)), nearestPowerOfTwo(within(row, xmaxLimits, p.y)));
    }
    case 8u: {
      let high = nearestPowerOfTwo(within(row, xmaxLimits, p.y));
      return vec2f(powerOfTwo(exponentOf(high) + 1 - magnitudes(row, p.x)), high);
    }
    case 9u: {
      let low = nearestPowerOfTwo(within(row, xminLimits, p.y));
      return vec2f(low, powerOfTwo(exponentOf(low) - 1 + magnitudes(row, p.x)));
    }
    default: { return pair(row, fixedLimits); }
  }
}
`;

/** `parameterGradients(row, p, s)`, `inferredBits(row, p)`, `bitsGradient(row, p)`, `limited`, `projected`, `capped`. */
export const quantizerCalculus = /* wgsl */ `${effectiveRanges}
const ln2 = ${Math.LN2}f;

fn parameterGradients(row: u32, p: vec2f, s: vec2f) -> vec2f {
  let e = effective(row, p);
  switch integer(row, kindField) {
    case 2u: {
      let t = levels(row, p.x);
      return vec2f(-slopeOf(row, nLimits, p.x) * s.x * e.x * t * ln2 / (t - 1.0),
        slopeOf(row, mLimits, p.y) * (s.x * e.x + s.y * e.y) * ln2);
    }
    case 3u: {
      return vec2f(slopeOf(row, dLimits, p.x) * s.x * (e.x / within(row, dLimits, p.x)),
        slopeOf(row, xmaxLimits, p.y) * s.y);
    }
    case 4u: {
      let t = levels(row, p.x);
      let ratio = e.x / within(row, xmaxLimits, p.y);
      let recomputed = (s.x + s.y * (t - 1.0)) * ratio;
      let end = select(s.y + s.x * ratio, recomputed, integer(row, recomputeRangeField) == 1u);
      return vec2f(-slopeOf(row, nLimits, p.x) * s.x * e.x * t * ln2 / (t - 1.0), slopeOf(row, xmaxLimits, p.y) * end);
    }
    case 5u: {
      let t = levels(row, p.x);
      return vec2f(slopeOf(row, nLimits, p.x) * s.y * e.x * t * ln2,
        slopeOf(row, dLimits, p.y) * (s.x + s.y * (t - 1.0)) * (e.x / within(row, dLimits, p.y)));
    }
    case 6u: {
      return vec2f(-slopeOf(row, nLimits, p.x) * s.x * e.x * f32(magnitudes(row, p.x)) * (ln2 * ln2),
        slopeOf(row, mLimits, p.y) * ln2 * dot(s, e));
    }
    case 7u: {
      return vec2f(slopeOf(row, xminLimits, p.x) * s.x * e.x / within(row, xminLimits, p.x),
        slopeOf(row, xmaxLimits, p.y) * s.y * e.y / within(row, xmaxLimits, p.y));
    }
    case 8u: {
      return vec2f(-slopeOf(row, nLimits, p.x) * s.x * e.x * f32(magnitudes(row, p.x)) * (ln2 * ln2),
        slopeOf(row, xmaxLimits, p.y) * dot(s, e) / within(row, xmaxLimits, p.y));
    }
    case 9u: {
      return vec2f(slopeOf(row, nLimits, p.x) * s.y * e.y * f32(magnitudes(row, p.x)) * (ln2 * ln2),
        slopeOf(row, xminLimits, p.y) * dot(s, e) / within(row, xminLimits, p.y));
    }
    default: { return vec2f(); }
  }
}

fn bitLength(v: f32) -> u32 { return 32u - countLeadingZeros(u32(max(v, 0.0))); }

// log2(xmax / xmin) of the snapped ends of P3.
fn octaves(row: u32, p: vec2f) -> i32 {
  return exponentOf(nearestPowerOfTwo(within(row, xmaxLimits, p.y)))
    - exponentOf(nearestPowerOfTwo(within(row, accountingXminLimits, p.x)));
}

fn stepsOf(row: u32, p: vec2f) -> f32 {
  return within(row, xmaxLimits, p.y) * inverse(nearestPowerOfTwo(within(row, dLimits, p.x)));
}

// The bits of U3 and P3 before the configured minimum.
fn unlimitedBits(row: u32, p: vec2f) -> u32 {
  if (integer(row, kindField) == 7u) { return bitLength(f32(octaves(row, p))) + 1u; }
  return bitLength(roundHalfAway(stepsOf(row, p))) + integer(row, signedField);
}

fn inferredBits(row: u32, p: vec2f) -> u32 {
  switch integer(row, kindField) {
    case 0u, 1u: { return integer(row, bitwidthField); }
    case 3u, 7u: { return max(unlimitedBits(row, p), u32(pair(row, nLimits).x)); }
    default: { return u32(digits(row, p.x, 0u)); }
  }
}

fn bitsGradient(row: u32, p: vec2f) -> vec2f {
  let kind = integer(row, kindField);
  if (kind <= 1u) { return vec2f(); }
  if (kind != 3u && kind != 7u) { return vec2f(slopeOf(row, nLimits, p.x), 0.0); }
  if (f32(unlimitedBits(row, p)) <= pair(row, nLimits).x) { return vec2f(); }
  let high = slopeOf(row, xmaxLimits, p.y);
  if (kind == 3u) {
    let d = within(row, dLimits, p.x);
    let steps = stepsOf(row, p);
    let slope = 1.0 / ((roundHalfAway(steps) + 1.0) * ln2);
    return vec2f(-slopeOf(row, dLimits, p.x) * slope * steps / d, high * slope * inverse(nearestPowerOfTwo(d)));
  }
  let slope = 1.0 / (f32(octaves(row, p) + 1) * (ln2 * ln2));
  return vec2f(-slopeOf(row, accountingXminLimits, p.x) * slope / within(row, accountingXminLimits, p.x),
    high * slope / within(row, xmaxLimits, p.y));
}

fn isRangePair(row: u32) -> bool { let kind = integer(row, kindField); return kind == 3u || kind == 7u; }

fn limited(row: u32, p: vec2f, g: vec2f) -> vec2f {
  return select(g, vec2f(limit(g.x, -p.x, p.x), limit(g.y, -p.x, p.x)), isRangePair(row));
}

fn projected(row: u32, p: vec2f) -> vec2f {
  if (integer(row, projectsField) == 0u) { return p; }
  let apart = vec2f(min(p.x, p.y - ${limitMargin}f), max(p.x + ${limitMargin}f, p.y));
  let ends = select(p, apart, isRangePair(row));
  return vec2f(within(row, project0Limits, ends.x), within(row, project1Limits, ends.y));
}

fn snapped(row: u32, limits: u32, v: f32) -> f32 { return nearestPowerOfTwo(within(row, limits, v)); }

// A value, or the lower edge of the octave it had before if that was higher.
fn backToOctave(row: u32, limits: u32, after: f32, before: f32) -> f32 {
  let octave = snapped(row, limits, before);
  return select(after, octave * ${float(Math.SQRT1_2 * (1 + capMargin))}, snapped(row, limits, after) < octave);
}

fn capped(row: u32, cap: u32, before: vec2f, after: vec2f) -> vec2f {
  if (inferredBits(row, after) <= cap) { return after; }
  switch integer(row, kindField) {
    case 0u, 1u: { return after; }
    case 3u: {
      let d = backToOctave(row, dLimits, after.x, before.x);
      let integers = powerOfTwo(i32(cap - integer(row, signedField))) - 1.0;
      return vec2f(d, min(after.y, (integers + 0.5) * snapped(row, dLimits, d) * ${float(1 - capMargin)}));
    }
    case 7u: {
      let xmin = backToOctave(row, accountingXminLimits, after.x, before.x);
      let octaves = i32(powerOfTwo(i32(cap) - 1)) - 1;
      let top = powerOfTwo(exponentOf(snapped(row, accountingXminLimits, xmin)) + octaves);
      return vec2f(xmin, min(after.y, top * ${float(Math.SQRT2 * (1 - capMargin))}));
    }
    default: { return vec2f(min(after.x, f32(cap)), after.y); }
  }
}
`;
