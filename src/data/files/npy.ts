/**
 * Reader of numpy's .npy format (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html): a magic text,
 * the version, the header's length, the header as a Python dictionary, the values. Arrays of Python objects, which
 * could run code, are refused, and no size is trusted.
 */

import { elementCount } from '../../elementCount.js';
import { InputError } from '../../errors.js';
import { fromFloat16 } from '../../weights/halfFloats.js';

/** The values of an array, row-major; float16 as float32, float64 rounded to float32. */
export interface NumberArray {
  readonly shape: readonly number[];
  readonly values:
    | Int8Array
    | Uint8Array
    | Int16Array
    | Uint16Array
    | Int32Array
    | Uint32Array
    | BigInt64Array
    | BigUint64Array
    | Float32Array
    | Float64Array;
}

/** An array of texts. */
export interface TextArray {
  readonly shape: readonly number[];
  readonly texts: readonly string[];
}

const numbers = {
  i1: Int8Array,
  u1: Uint8Array,
  b1: Uint8Array,
  i2: Int16Array,
  u2: Uint16Array,
  i4: Int32Array,
  u4: Uint32Array,
  i8: BigInt64Array,
  u8: BigUint64Array,
  f4: Float32Array,
} as const;

const magic = '\x93NUMPY';
/** The longest header. Usual ones have some hundred bytes; a longer one is damaged. */
const longestHeader = 2 ** 16;

/**
 * Parses the bytes of a file called `source`.
 *
 * @throws InputError for a damaged file, and for values that are big-endian, in Fortran order, Python objects or of
 *   another unsupported type
 */
export function parseNpy(bytes: Uint8Array, source: string): NumberArray | TextArray {
  const fail = (fault: string): never => {
    throw new InputError(`${source}: ${fault}`);
  };
  const { header, values } = splitFile(bytes, fail);
  const { descr, isFortranOrder, shape } = parseHeader(header, fail);
  const { type, size } = parseType(descr, fail);
  const count = elementCount(shape);
  if (count * size !== values.length) {
    return fail(`damaged: ${values.length} bytes of values, [${shape}] of '${descr}' are ${count * size}`);
  }
  // With at most one axis longer than 1, both orders are the same.
  if (isFortranOrder && shape.filter((length) => length > 1).length > 1) {
    return fail('is in Fortran order; save numpy.ascontiguousarray(…) of it');
  }
  if (type === 'U' || type === 'S') return { shape, texts: textsOf(values, count, type, size, fail) };
  if (type === 'f2') return { shape, values: fromFloat16(values) };
  if (type === 'f8') return { shape, values: rounded(values) };
  if (numbers[type] === Uint8Array)
    return { shape, values: new Uint8Array(values.buffer, values.byteOffset, values.length) };
  // A copy, since the place in the file need not be aligned.
  return { shape, values: new numbers[type](new Uint8Array(values).buffer) };
}

type Fail = (fault: string) => never;

function splitFile(bytes: Uint8Array, fail: Fail): { readonly header: string; readonly values: Uint8Array } {
  const text = (from: number, to: number) => Buffer.from(bytes.subarray(from, to)).toString('latin1');
  if (text(0, magic.length) !== magic) return fail('no .npy file');
  const version = bytes[magic.length];
  if (version === undefined || version < 1 || version > 3) return fail(`.npy version ${version} is not read`);
  const lengthBytes = version === 1 ? 2 : 4;
  const start = magic.length + 2 + lengthBytes;
  if (bytes.length < start) return fail('damaged: it ends within its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = version === 1 ? view.getUint16(start - 2, true) : view.getUint32(start - 4, true);
  if (length > longestHeader || bytes.length < start + length) return fail('damaged: it ends within its header');
  return { header: text(start, start + length), values: bytes.subarray(start + length) };
}

/** The three keys of numpy's header, each once, in any order. */
function parseHeader(
  header: string,
  fail: Fail,
): { readonly descr: string; readonly isFortranOrder: boolean; readonly shape: readonly number[] } {
  if (/'descr'\s*:\s*\[/.test(header)) return fail('has fields with names (a structured array), not numbers');
  const body = /^\{(.*)\}\s*$/.exec(header)?.[1] ?? '';
  const members = [...body.matchAll(/\s*'(\w+)'\s*:\s*('[^']*'|True|False|\([\d,\s]*\))\s*(?:,\s*|$)/gy)];
  const { descr, fortran_order, shape, ...others } = Object.fromEntries(
    members.map(([, key, value]) => [key!, value!]),
  );
  const isWhole = members.reduce((length, [text]) => length + text.length, 0) === body.length;
  const sizes = /^\(\s*((?:\d{1,15}\s*,\s*)*(?:\d{1,15}\s*)?)\)$/.exec(shape ?? '')?.[1];
  const isTrue = fortran_order === 'True';
  if (
    !(isWhole && members.length === 3 && Object.keys(others).length === 0) ||
    !(descr?.startsWith("'") && (isTrue || fortran_order === 'False') && sizes !== undefined)
  ) {
    return fail('damaged: its header is none of numpy');
  }
  return { descr: descr.slice(1, -1), isFortranOrder: isTrue, shape: (sizes.match(/\d+/g) ?? []).map(Number) };
}

function parseType(
  descr: string,
  fail: Fail,
): { readonly type: keyof typeof numbers | 'f2' | 'f8' | 'U' | 'S'; readonly size: number } {
  const [, order, kind = '', size = ''] = /^([<>|=]?)([a-zA-Z])(\d{0,9})$/.exec(descr) ?? [];
  if (kind === 'O') return fail('holds Python objects (a pickle), which are never read; save an array of numbers');
  if (order === '>' && size !== '1') return fail("is big-endian; save array.astype('<f4') or another '<' type");
  if ((kind === 'U' || kind === 'S') && Number(size) > 0)
    return { type: kind, size: (kind === 'U' ? 4 : 1) * Number(size) };
  const type = `${kind}${size}`;
  if (type === 'f2' || type === 'f8') return { type, size: Number(size) };
  if (Object.hasOwn(numbers, type)) return { type: type as keyof typeof numbers, size: Number(size) };
  return fail(`has values of type '${descr}', read are integers, floats of 16, 32 and 64 bits, and texts`);
}

/** float64 values rounded to float32, without a copy of all of them as float64. */
function rounded(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(bytes.length / 8);
  for (let index = 0; index < values.length; index++) values[index] = view.getFloat64(8 * index, true);
  return values;
}

/** Texts without numpy's padding zeros: UTF-32, or one byte a character. */
function textsOf(bytes: Uint8Array, count: number, type: 'U' | 'S', size: number, fail: Fail): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = type === 'U' ? 4 : 1;
  return Array.from({ length: count }, (_, index) => {
    const codes = Array.from({ length: size / width }, (_, place) =>
      width === 4 ? view.getUint32(index * size + 4 * place, true) : bytes[index * size + place]!,
    );
    if (codes.some((code) => code > 0x10ffff)) return fail('damaged: a text in it is no Unicode');
    return String.fromCodePoint(...codes).replace(/\0+$/, '');
  });
}
