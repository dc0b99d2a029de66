/** Files as `torch.save` writes them, for tests: a pickle of protocol 2 and a storage a tensor, in a zip archive. */

import { elementCount } from '../src/elementCount.js';
import { zip } from './arrayFiles.js';

/** A global name of Python, as the pickle has it. */
export interface PythonName {
  readonly module: string;
  readonly name: string;
}

export interface TorchTensor {
  readonly storage: string;
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly offset?: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

type Value = null | number | string | PythonName | TorchTensor | { readonly [key: string]: Value };

/** float32, row-major, whole. */
export function floats(shape: readonly number[], values: ArrayLike<number>): TorchTensor {
  const data = Float32Array.from(values);
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  return { storage: 'Float', bytes: new Uint8Array(data.buffer), count: data.length, shape, strides };
}

/** The file of a value; `others` are further files of its archive. */
export function torchFile(value: Value, others: Readonly<Record<string, Uint8Array>> = {}): Uint8Array {
  const storages: Record<string, Uint8Array> = {};
  const text = (value: string) =>
    Buffer.concat([Buffer.from('X'), uint32(Buffer.byteLength(value)), Buffer.from(value)]);
  const name = ({ module, name }: PythonName) => Buffer.from(`c${module}\n${name}\n`);
  const tuple = (...parts: readonly Buffer[]) => Buffer.concat([Buffer.from('('), ...parts, Buffer.from('t')]);
  const sizes = (values: readonly number[]) => tuple(...values.map(integer));
  const call = (what: PythonName, ...args: readonly Buffer[]) =>
    Buffer.concat([name(what), tuple(...args), Buffer.from('R')]);
  const ordered = { module: 'collections', name: 'OrderedDict' };
  const pickled = (value: Value): Buffer => {
    if (value === null) return Buffer.from('N');
    if (typeof value === 'number') return integer(value);
    if (typeof value === 'string') return text(value);
    if (isName(value)) return name(value);
    if (isTensor(value)) {
      const key = String(Object.keys(storages).length);
      storages[`a/data/${key}`] = value.bytes;
      const type = name({ module: 'torch', name: `${value.storage}Storage` });
      const id = tuple(text('storage'), type, text(key), text('cpu'), integer(value.count));
      const storage = Buffer.concat([id, Buffer.from('Q')]);
      const rest = [
        integer(value.offset ?? 0),
        sizes(value.shape),
        sizes(value.strides),
        Buffer.from('\x89', 'latin1'),
      ];
      return call({ module: 'torch._utils', name: '_rebuild_tensor_v2' }, storage, ...rest, call(ordered));
    }
    const items = Object.entries(value).flatMap(([key, entry]) => [text(key), pickled(entry)]);
    return Buffer.concat([Buffer.from('}('), ...items, Buffer.from('u')]);
  };
  const pickle = Buffer.concat([Buffer.from('\x80\x02', 'latin1'), pickled(value), Buffer.from('.')]);
  return zip({ 'a/data.pkl': pickle, ...storages, ...others });
}

function isName(value: object): value is PythonName {
  return 'module' in value && typeof value.module === 'string';
}

function isTensor(value: object): value is TorchTensor {
  return 'storage' in value && typeof value.storage === 'string';
}

function integer(value: number): Buffer {
  return Buffer.concat([Buffer.from('J'), uint32(value)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
