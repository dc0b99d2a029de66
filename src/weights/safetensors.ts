/**
 * The safetensors format: eight bytes of header length, a JSON header of names, types, shapes and offsets, then the
 * values, row-major and little-endian, without gaps (https://github.com/huggingface/safetensors#format). Equal contents
 * give equal bytes. A file that breaks a rule of the format is refused: no offset is trusted.
 */

import { InputError } from '../errors.js';
import { elementCount, type Shape } from '../graph/tensor.js';
import { fromBfloat16, fromFloat16 } from './halfFloats.js';
import { repeatedKey } from './repeatedKey.js';

const ARRAYS = {
  F64: Float64Array,
  I64: BigInt64Array,
  F32: Float32Array,
  I32: Int32Array,
  U32: Uint32Array,
  U8: Uint8Array,
  I16: Int16Array,
} as const;

/** Types that are read as float32 and never written. */
const HALF_FLOATS = { F16: fromFloat16, BF16: fromBfloat16 } as const;

/** The types that are written. */
export type SafetensorsType = keyof typeof ARRAYS;

/** A tensor, whose type is that of its array. */
export interface NamedTensor {
  readonly name: string;
  readonly shape: Shape;
  readonly data: Float64Array | BigInt64Array | Float32Array | Int32Array | Uint32Array | Int16Array | Uint8Array;
}

export interface Safetensors {
  /** Tensors by name, in the order of the file; float16 and bfloat16 as float32. */
  readonly tensors: ReadonlyMap<string, NamedTensor>;
  /** Types of the tensors that this reader cannot read, by name. */
  readonly unread: ReadonlyMap<string, string>;
  readonly metadata: Readonly<Record<string, string>>;
}

const METADATA = '__metadata__';
const LENGTH_BYTES = 8;
/** The header is padded so that values begin at a multiple of this, for readers that map the file. */
const ALIGNMENT = 64;
/** The limit of the published reader. */
const HEADER_LIMIT = 100_000_000;

export function typeOf(data: NamedTensor['data']): SafetensorsType {
  const found = (Object.keys(ARRAYS) as SafetensorsType[]).find((type) => data instanceof ARRAYS[type]);
  if (!found) throw new Error('an array of this type cannot be written');
  return found;
}

export function bytesOf({ buffer, byteOffset, byteLength }: NamedTensor['data']): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The bytes of a file. Larger elements come first, so that all are aligned; those of one size are sorted by name. */
export function encodeSafetensors(
  tensors: Iterable<NamedTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const sorted = [...tensors].sort(
    (a, b) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT || (a.name < b.name ? -1 : 1),
  );
  const members: string[] = [];
  const member = (key: string, value: unknown) => members.push(`${JSON.stringify(key)}:${JSON.stringify(value)}`);
  const pairs = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (pairs.length > 0) member(METADATA, Object.fromEntries(pairs));
  let end = 0;
  for (const { name, shape, data } of sorted) {
    if (elementCount(shape) !== data.length) throw new Error(`${name}: ${data.length} values for shape [${shape}]`);
    const begin = end;
    end += data.byteLength;
    member(name, { dtype: typeOf(data), shape, data_offsets: [begin, end] });
  }
  if (new Set([METADATA, ...sorted.map(({ name }) => name)]).size !== sorted.length + 1) {
    throw new Error('two tensors have one name');
  }
  const header = new TextEncoder().encode(`{${members.join()}}`);
  const start = Math.ceil((LENGTH_BYTES + header.length) / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(start + end).fill(0x20, LENGTH_BYTES, start);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - LENGTH_BYTES), true);
  bytes.set(header, LENGTH_BYTES);
  let position = start;
  for (const { data } of sorted) {
    bytes.set(bytesOf(data), position);
    position += data.byteLength;
  }
  return bytes;
}

/**
 * Parses the bytes of a file called `source`.
 *
 * @throws InputError with the fault
 */
export function decodeSafetensors(bytes: Uint8Array | ArrayBuffer, source: string): Safetensors {
  const fail = (fault: string): never => {
    throw new InputError(`${source}: no valid safetensors file, ${fault}`);
  };
  if (bytes?.byteLength === undefined) {
    throw new InputError(`${source}: wants the bytes of a file, such as arrayBuffer() of a File gives`);
  }
  const { header, values } = splitFile(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes), fail);
  const entries: Entry[] = [];
  let metadata: Readonly<Record<string, string>> = {};
  for (const [name, value] of Object.entries(parseHeader(header, fail))) {
    if (name === METADATA) metadata = checkMetadata(value, fail);
    else entries.push(checkEntry(name, value, fail));
  }
  checkOrder(entries, values.length, fail);
  const tensors = new Map<string, NamedTensor>();
  const unread = new Map<string, string>();
  for (const { name, type, shape, begin, end } of entries) {
    const data = arrayOf(type, values.subarray(begin, end));
    if (data) tensors.set(name, { name, shape, data });
    else unread.set(name, type);
  }
  return { tensors, unread, metadata };
}

/** The values of a tensor; `undefined` for an unknown type. */
function arrayOf(type: string, bytes: Uint8Array): NamedTensor['data'] | undefined {
  if (isHalfFloat(type)) return HALF_FLOATS[type](bytes);
  // A copy, since the place in the file need not be aligned.
  return isWritten(type) ? new ARRAYS[type](new Uint8Array(bytes).buffer) : undefined;
}

function isHalfFloat(type: string): type is keyof typeof HALF_FLOATS {
  return Object.hasOwn(HALF_FLOATS, type);
}

function isWritten(type: string): type is SafetensorsType {
  return Object.hasOwn(ARRAYS, type);
}

/** Bytes of a value; `undefined` for unknown types and for types smaller than a byte. */
function sizeOf(type: string): number | undefined {
  if (isWritten(type)) return ARRAYS[type].BYTES_PER_ELEMENT;
  return isHalfFloat(type) ? 2 : undefined;
}

type Fail = (fault: string) => never;

interface Entry {
  readonly name: string;
  readonly type: string;
  readonly shape: Shape;
  readonly begin: number;
  readonly end: number;
}

function splitFile(bytes: Uint8Array, fail: Fail): { header: string; values: Uint8Array } {
  if (bytes.length < LENGTH_BYTES) return fail(`it has ${bytes.length} bytes`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > HEADER_LIMIT) return fail(`its header would have ${length} bytes`);
  const start = LENGTH_BYTES + length;
  if (start > bytes.length) return fail(`it ends within its header (${bytes.length} of ${start} bytes)`);
  try {
    const header = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      bytes.subarray(LENGTH_BYTES, start),
    );
    return { header, values: bytes.subarray(start) };
  } catch {
    return fail('its header is no UTF-8 text');
  }
}

function parseHeader(header: string, fail: Fail): object {
  let parsed: unknown;
  try {
    parsed = JSON.parse(header);
  } catch {
    return fail('its header is no JSON');
  }
  if (!isRecord(parsed)) return fail('its header is no JSON object');
  const repeated = repeatedKey(header);
  if (repeated !== null) return fail(`${JSON.stringify(repeated)} stands twice in its header`);
  return parsed;
}

function checkMetadata(value: unknown, fail: Fail): Readonly<Record<string, string>> {
  if (value === null) return {};
  if (!isRecord(value) || !Object.values(value).every((text) => typeof text === 'string')) {
    return fail(`${METADATA} must hold texts`);
  }
  return value as Readonly<Record<string, string>>;
}

function checkEntry(name: string, value: unknown, fail: Fail): Entry {
  if (!isRecord(value)) return fail(`the entry of ${name} is no JSON object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string') return fail(`${name} has no dtype`);
  if (!isSizes(shape)) return fail(`the shape of ${name} is no list of sizes`);
  if (!isSizes(offsets) || offsets.length !== 2) return fail(`${name} has no two offsets`);
  const [begin, end] = offsets as [number, number];
  const size = sizeOf(dtype);
  const wanted = size === undefined ? end - begin : elementCount(shape) * size;
  if (end - begin !== wanted) return fail(`${name} of shape [${shape}] has ${end - begin} bytes instead of ${wanted}`);
  return { name, type: dtype, shape, begin, end };
}

/** Checks that values follow each other from the first byte to the last. */
function checkOrder(entries: readonly Entry[], length: number, fail: Fail): void {
  let position = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== position) fail(`${name} begins at byte ${begin} instead of ${position}`);
    if (end > length) fail(`it ends within ${name} (${length} of ${end} bytes of values)`);
    position = end;
  }
  if (position !== length) fail(`${length - position} bytes at its end belong to no tensor`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
