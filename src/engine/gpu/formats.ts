/**
 * Formats of numbers in buffers, and the WGSL of their accesses. Besides the plain types there are two of 16 bits, for
 * transient tensors that lose nothing by them (`narrowing.ts`): float16, possibly scaled by a power of two, and fixed
 * point, value = code · step with a step known when the kernel is made. Two numbers share a word, so stores take four
 * at a time.
 *
 * Only core WGSL is needed, except if an operand is loaded as float16 for matrix units.
 */

import type { DType } from '../../graph/tensor.js';
import type { Operand, Run } from './kernel.js';

/** Unsigned codes of 16 bits; the largest one means NaN. */
interface FixedPoint {
  readonly step: number;
}

/**
 * Float16 of the numbers times a power of two, for gradients that are operands of products. The largest numbers are
 * clamped: an infinity would become NaN when multiplied by zero. NaN is kept.
 */
interface ScaledFloat16 {
  readonly scale: number;
}

type Narrow = 'float16' | ScaledFloat16 | FixedPoint;

export type Format = DType | Narrow;

/** A storage variable: an array of single elements (words, for formats of less), or of what four or eight numbers take. */
export interface Variable {
  readonly name: string;
  /** WGSL of the first element of the network that is computed, with a plus behind it; empty for a single network. */
  readonly begin: string;
  readonly element: keyof typeof elementBytes;
}

/** Bytes of an element of a variable. */
export const elementBytes = { f32: 4, i32: 4, u32: 4, vec4f: 16, vec4i: 16, vec2u: 8, vec4u: 16 } as const;

export function bytesPerElement(format: Format): number {
  if (format === 'float' || format === 'int32') return 4;
  return format === 'uint8' ? 1 : 2;
}

/** The elements of a variable for operands of this format, for access to so many at a time; eight are for 16 bits only. */
export function elementOf(format: Format, width: 1 | 4 | 8): Variable['element'] {
  if (format === 'float') return width > 1 ? 'vec4f' : 'f32';
  if (format === 'int32') return width > 1 ? 'vec4i' : 'i32';
  if (format === 'uint8' || width === 1) return 'u32';
  return width === 4 ? 'vec2u' : 'vec4u';
}

/**
 * The accessors of an operand.
 *
 * @param offset of the operand's first element in the variable
 * @param parameter makes an expression of a number, the same text for different numbers
 */
export function operandAccess(
  variable: Variable,
  format: Format,
  offset: number,
  parameter: (value: number) => string,
): Operand {
  const from = (unit: number) => {
    if (offset % unit !== 0) throw new Error(`operand ${variable.name} begins within ${unit} numbers that go together`);
    return offset === 0 ? '' : `${parameter(offset / unit)} + `;
  };
  if (format === 'float' || format === 'int32') return plainAccess(variable, from);
  if (format === 'uint8') return byteAccess(variable, from);
  if (offset !== 0) throw new Error(`operand ${variable.name}: tensors of 16 bits are no views`);
  return variable.element === 'vec4u' ? octetAccess(variable, format) : narrowAccess(variable, format);
}

function plainAccess({ name, begin, element }: Variable, from: (unit: number) => string): Operand {
  if (element === 'vec4f' || element === 'vec4i') {
    const start = from(4);
    const at = (index: string) => `${name}[${begin}${start}(${index})]`;
    const store4 = (index: string, value: string) => `${at(index)} = ${value};`;
    return { ...noSingles(name), run: fours(element, at), load4: at, store4 };
  }
  const type = element === 'i32' ? 'vec4i' : 'vec4f';
  const start = from(1);
  const at = (index: string) => `${name}[${begin}${start}(${index})]`;
  const each = (write: (j: number) => string, separator: string) => [0, 1, 2, 3].map(write).join(separator);
  const load4 = (index: string) => `${type}(${each((j) => at(`4u * (${index}) + ${j}u`), ', ')})`;
  return {
    run: fours(type, load4),
    load: at,
    store: (index, value) => `${at(index)} = ${value};`,
    load4,
    store4: (index, value) =>
      `{ let four = ${value}; ${each((j) => `${at(`4u * (${index}) + ${j}u`)} = four[${j}];`, ' ')} }`,
  };
}

/** Bytes are four in a word, the first in the lowest bits. Words are stored whole. */
function byteAccess({ name, begin }: Variable, from: (unit: number) => string): Operand {
  const start = from(1);
  const word = (index: string) => `${name}[${begin}${from(4)}(${index})]`;
  const load4 = (index: string) => `((vec4u(${word(index)}) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u))`;
  return {
    ...noSingles(name),
    run: fours('vec4u', load4),
    load: (index) => `byteIn(${name}[${begin}((${start}(${index})) >> 2u)], ${start}(${index}))`,
    load4,
    store4: (index, value) => `${word(index)} = dot(${value}, vec4u(1u, 256u, 65536u, 16777216u));`,
  };
}

function narrowAccess({ name, begin, element }: Variable, format: Narrow): Operand {
  const { decode, encode } = conversions(format);
  const at = (index: string) => `${name}[${begin}(${index})]`;
  if (element === 'vec2u') {
    const store4 = (index: string, value: string) => `${at(index)} = ${encode(value)};`;
    const load4 = (index: string) => decode(at(index));
    return { ...noSingles(name), run: fours('vec4f', load4), load4, store4 };
  }
  const load4 = (index: string) => decode(`vec2u(${at(`2u * (${index})`)}, ${at(`2u * (${index}) + 1u`)})`);
  return {
    ...noSingles(name),
    run: fours('vec4f', load4),
    load: (index) => `${decode(`vec2u(${at(`(${index}) >> 1u`)})`)}[(${index}) & 1u]`,
    load4,
    store4: (index, value) =>
      `{ let words = ${encode(value)}; ${at(`2u * (${index})`)} = words.x; ${at(`2u * (${index}) + 1u`)} = words.y; }`,
  };
}

/** Read only, in runs of eight that are brought as they are kept; NaN may become another large number. */
function octetAccess({ name, begin }: Variable, format: Narrow): Operand {
  const { halves } = conversions(format);
  const forbidden = (): never => {
    throw new Error(`operand ${name} gives eight numbers at a time`);
  };
  return {
    run: {
      width: 8,
      type: 'vec4u',
      load: (index) => `${name}[${begin}(${index})]`,
      halves: (run) => [halves(`${run}.xy`), halves(`${run}.zw`)],
    },
    ...{ load: forbidden, store: forbidden, load4: forbidden, store4: forbidden },
  };
}

/** Runs of four, as `load4` gives them. */
function fours(type: Run['type'], load: Operand['load4']): Run {
  return { width: 4, type, load, halves: null };
}

function noSingles(name: string): Pick<Operand, 'load' | 'store'> {
  const forbidden = (): never => {
    throw new Error(`operand ${name} takes four numbers at a time`);
  };
  return { load: forbidden, store: forbidden };
}

function conversions(format: Narrow) {
  if (format === 'float16') {
    return {
      decode: (words: string) => `fromFloat16(${words})`,
      halves: (words: string) => `bitcast<vec4<f16>>(${words})`,
      encode: (value: string) => `toFloat16(${value})`,
    };
  }
  if ('scale' in format) {
    const { scale } = format;
    return {
      decode: (words: string) => `(${1 / scale}f * fromFloat16(${words}))`,
      halves: (words: string) => `bitcast<vec4<f16>>(${words})`,
      encode: (value: string) => `toLimitedFloat16((${value}) * ${scale}f)`,
    };
  }
  const { step } = format;
  return {
    decode: (words: string) => `fromCodes(${words}, ${step}f)`,
    halves: (words: string) => `codesAsFloat16(${words}, ${step}f)`,
    encode: (value: string) => `toCodes(${value}, ${1 / step}f)`,
  };
}

const functions = {
  nan: `fn areNan(v: vec4f) -> vec4<bool> {
  return (bitcast<vec4u>(v) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u);
}
`,
  byte: `fn byteIn(word: u32, i: u32) -> u32 { return extractBits(word, 8u * (i & 3u), 8u); }
`,
  fromFloat16: `fn fromFloat16(words: vec2u) -> vec4f { return vec4f(unpack2x16float(words.x), unpack2x16float(words.y)); }
`,
  toFloat16: `// One at a time, since SwiftShader lets a NaN run over into its neighbour.
fn halfOf(v: f32) -> u32 { return pack2x16float(vec2f(v, 0.0)) & 0xffffu; }
fn toFloat16(v: vec4f) -> vec2u {
  return vec2u(halfOf(v.x), halfOf(v.z)) | (vec2u(halfOf(v.y), halfOf(v.w)) << vec2u(16u));
}
fn toLimitedFloat16(v: vec4f) -> vec2u {
  return toFloat16(select(clamp(v, vec4f(-65504.0), vec4f(65504.0)), v, areNan(v)));
}
`,
  // With the extension, a third of the instructions. An infinity, 0x7c00, becomes the largest number, one less.
  toFloat16Natively: `fn toFloat16(v: vec4f) -> vec2u { return bitcast<vec2u>(vec4<f16>(v)); }
fn toLimitedFloat16(v: vec4f) -> vec2u {
  let halves = toFloat16(v);
  let others = ((halves & vec2u(0x7fff7fffu)) ^ vec2u(0x7c007c00u)) + vec2u(0x7fff7fffu);
  return halves - ((~others >> vec2u(15u)) & vec2u(0x00010001u));
}
`,
  // By float32's bits, 2^23 + code, since GPUs convert integers at a quarter of the speed of floats or less. The code of NaN,
  // shifted up, is a NaN.
  fixedPoint: `fn codesIn(words: vec2u) -> vec4u { return vec4u(words, words >> vec2u(16u)).xzyw & vec4u(0xffffu); }
fn numbersOf(codes: vec4u, step: f32) -> vec4f {
  return (bitcast<vec4f>(codes | vec4u(0x4b000000u)) - vec4f(8388608.0)) * step;
}
fn fromCodes(words: vec2u, step: f32) -> vec4f {
  let codes = codesIn(words);
  return select(numbersOf(codes, step), bitcast<vec4f>(codes << vec4u(16u)), codes == vec4u(0xffffu));
}
fn toCodes(v: vec4f, inverse: f32) -> vec2u {
  let codes = bitcast<vec4u>(v * inverse + vec4f(8388608.0)) & vec4u(0xffffu);
  let kept = select(codes, vec4u(0xffffu), areNan(v));
  return kept.xz | (kept.yw << vec2u(16u));
}
`,
  asFloat16: `fn codesAsFloat16(words: vec2u, step: f32) -> vec4<f16> { return vec4<f16>(numbersOf(codesIn(words), step)); }
`,
} as const;

/**
 * The functions that accesses of these formats call.
 *
 * @param hasFloat16Numbers true in a kernel that enables the extension `f16`
 */
export function accessFunctions(
  operands: readonly { readonly format: Format; readonly inOctets: boolean }[],
  hasFloat16Numbers: boolean,
): string {
  const fixedPoints = operands.filter(({ format }) => typeof format === 'object' && 'step' in format);
  const isFloat16 = (format: Format) => format === 'float16' || (typeof format === 'object' && 'scale' in format);
  const hasFloat16 = operands.some(({ format }) => isFloat16(format));
  return [
    operands.some(({ format }) => format === 'uint8') ? functions.byte : '',
    hasFloat16 || fixedPoints.length > 0 ? functions.nan : '',
    hasFloat16 ? functions.fromFloat16 : '',
    hasFloat16 ? (hasFloat16Numbers ? functions.toFloat16Natively : functions.toFloat16) : '',
    fixedPoints.length > 0 ? functions.fixedPoint : '',
    fixedPoints.some(({ inOctets }) => inOctets) ? functions.asFloat16 : '',
  ].join('');
}
