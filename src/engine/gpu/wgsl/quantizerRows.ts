/**
 * The static part of the quantizer table on a GPU: every row packed into words, and the mathematics of `quant/` in
 * WGSL: effective ranges, gradients of learned values, inferred bits, limiting, projection and bit caps.
 *
 * One shader serves rows of several kinds by switches made from the kinds' own code; kinds without rows are left out,
 * as drivers take longest to compile these shaders. Numbers are float32; operations on which a bitwidth depends
 * (rounding, powers of two, binary digits) are exact. See `quant/kinds/` for the formulas and their sources.
 */

import {
  capMargin,
  effectiveRange,
  type Interval,
  type Kind,
  type KindWgsl,
  kindNamed,
  limitMargin,
  projectionLimits,
  type Quantizer,
  quantizerKinds,
  wideLimitsOfM,
} from '../../../quant/index.js';
import { float } from '../kernel.js';
import { rounding } from './rounding.js';

const integerFields = ['kind', 'signed', 'isActivation', 'count', 'bitwidth', 'recomputeRange', 'projects'] as const;
/** Two words each: lower and upper limit, or a pair. */
const pairFields = ['n', 'm', 'd', 'xmin', 'xmax', 'accountingXmin', 'fixed', 'project0', 'project1'] as const;
/** Words of a row, which shaders load four at a time. */
const rowWords = 4 * Math.ceil((integerFields.length + 2 * pairFields.length) / 4);

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
  return {
    kind: quantizerKinds.indexOf(quantizer.kind),
    signed: quantizer.signed ? 1 : 0,
    isActivation: quantizer.role === 'activation' ? 1 : 0,
    count: quantizer.count,
    bitwidth: quantizer.bitwidth,
    recomputeRange: quantizer.recomputeRange ? 1 : 0,
    projects: projectionLimits(quantizer) ? 1 : 0,
  };
}

function pairsOf(quantizer: Quantizer): Record<PairField, readonly [number, number]> {
  const { n, m, d, xmin, xmax } = quantizer.bounds;
  const pair = ({ min, max }: Interval) => [min, max] as const;
  const project = (index: 0 | 1) => {
    const { min, max } = projectionLimits(quantizer)?.[index] ?? { min: 0, max: 0 };
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

/**
 * `rowAt(i)`, the words of a row, and the names of its fields as WGSL constants; needs `KernelSource.words`. Functions
 * take a pointer to the words, `row`, which are loaded once, as drivers compile loads from a table slowly.
 */
const fields = `
${integerFields.map((field, i) => `const ${field}Field = ${i}u;`).join('\n')}
${pairFields.map((field, i) => `const ${field}Limits = ${integerFields.length + 2 * i}u;`).join('\n')}
alias Words = array<vec4u, ${rowWords / 4}>;
alias Row = ptr<function, Words>;
fn rowAt(i: u32) -> Words {
  let first = i * ${rowWords / 4}u;
  return Words(${Array.from({ length: rowWords / 4 }, (_, i) => `fourWords(first + ${i}u)`).join(', ')});
}
fn integer(row: Row, field: u32) -> u32 { return (*row)[field >> 2u][field & 3u]; }
fn pair(row: Row, field: u32) -> vec2f {
  return vec2f(bitcast<f32>(integer(row, field)), bitcast<f32>(integer(row, field + 1u)));
}
fn within(row: Row, field: u32, v: f32) -> f32 { let l = pair(row, field); return limit(v, l.x, l.y); }
// Derivative of within.
fn slopeOf(row: Row, field: u32, v: f32) -> f32 { let l = pair(row, field); return inside(v, l.x, l.y); }
// R(n) within its limits, less s.
fn digits(row: Row, n: f32, s: u32) -> i32 { return i32(roundHalfAway(within(row, nLimits, n))) - i32(s); }
`;

/** `effective(row, p)`: the effective values, for rows of the kinds that occur. */
export function effectiveRanges(rows: readonly Quantizer[]): string {
  return /* wgsl */ `${rounding}${fields}
// T of a uniform quantizer: 2^(bits of a magnitude).
fn levels(row: Row, n: f32) -> f32 { return powerOfTwo(digits(row, n, integer(row, signedField))); }
// T of a power-of-two quantizer: how many magnitudes there are.
fn magnitudes(row: Row, n: f32) -> i32 { return i32(powerOfTwo(digits(row, n, 1u))); }

fn effective(row: Row, p: vec2f) -> vec2f { ${byKind(rows, 'range', 'vec2f()')} }
`;
}

/**
 * `parameterGradients(row, p, s)`, `inferredBits(row, p)`, `bitsGradient`, `learnsNothing`, `limited`, `projected`,
 * `capped`, for rows of the kinds that occur.
 */
export function quantizerCalculus(rows: readonly Quantizer[]): string {
  return /* wgsl */ `${effectiveRanges(rows)}
const ln2 = ${Math.LN2}f;
const oneLessMargin = ${float(1 - capMargin)};
const root2LessMargin = ${float(Math.SQRT2 * (1 - capMargin))};

fn parameterGradients(row: Row, p: vec2f, s: vec2f) -> vec2f {
  let e = effective(row, p);
  ${byKind(rows, 'gradients', 'vec2f()')}
}

fn bitLength(v: f32) -> u32 { return 32u - countLeadingZeros(u32(max(v, 0.0))); }

fn inferredBits(row: Row, p: vec2f) -> u32 { ${byKind(rows, 'bits', '0u')} }

fn bitsGradient(row: Row, p: vec2f) -> vec2f { ${byKind(rows, 'bitsGradient', 'vec2f()')} }

fn learnsNothing(row: Row) -> bool { ${whether(rows, ({ parameters }) => parameters.length === 0)} }

fn learnsEnds(row: Row) -> bool { ${whether(rows, (kind) => kind.learnsEnds)} }

fn limited(row: Row, p: vec2f, g: vec2f) -> vec2f {
  return select(g, vec2f(limit(g.x, -p.x, p.x), limit(g.y, -p.x, p.x)), learnsEnds(row));
}

fn projected(row: Row, p: vec2f) -> vec2f {
  if (integer(row, projectsField) == 0u) { return p; }
  let apart = vec2f(min(p.x, p.y - ${limitMargin}f), max(p.x + ${limitMargin}f, p.y));
  let ends = select(p, apart, learnsEnds(row));
  return vec2f(within(row, project0Limits, ends.x), within(row, project1Limits, ends.y));
}

fn snapped(row: Row, limits: u32, v: f32) -> f32 { return nearestPowerOfTwo(within(row, limits, v)); }

// A value, or the lower edge of the octave it had before if that was higher.
fn backToOctave(row: Row, limits: u32, after: f32, before: f32) -> f32 {
  let octave = snapped(row, limits, before);
  return select(after, octave * ${float(Math.SQRT1_2 * (1 + capMargin))}, snapped(row, limits, after) < octave);
}

fn capped(row: Row, cap: u32, before: vec2f, after: vec2f) -> vec2f {
  if (inferredBits(row, after) <= cap) { return after; }
  ${byKind(rows, 'capped', 'after')}
}
`;
}

/**
 * A switch over the rows' kinds with the code of each; kinds with the same code share a case. `never`: code for unknown
 * kinds.
 */
function byKind(rows: readonly Quantizer[], what: keyof KindWgsl, never: string): string {
  const codes = new Map<string, string[]>();
  for (const [code, { wgsl }] of kindsOf(rows)) {
    const body = wgsl[what];
    codes.set(body, [...(codes.get(body) ?? []), `${code}u`]);
  }
  const cases = [...codes].map(([body, own]) => `    case ${own.join(', ')}: { ${body} }`);
  return `
  switch integer(row, kindField) {
${cases.join('\n')}
    default: { return ${never}; }
  }
`;
}

/** The condition that the row's kind is among those that have a property. */
function whether(rows: readonly Quantizer[], has: (kind: Kind) => boolean): string {
  const codes = kindsOf(rows).flatMap(([code, kind]) => (has(kind) ? [`kind == ${code}u`] : []));
  return `let kind = integer(row, kindField); return ${codes.join(' || ') || 'false'};`;
}

/** The kinds of some rows with their codes, in the order of the codes. */
function kindsOf(rows: readonly Quantizer[]): [number, Kind][] {
  const names = new Set(rows.map(({ kind }) => kind));
  return [...quantizerKinds.entries()].flatMap(([code, name]) => (names.has(name) ? [[code, kindNamed(name)]] : []));
}
