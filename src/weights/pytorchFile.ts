/**
 * Reader of state dictionaries written by `torch.save` since PyTorch 1.6: a zip archive of a pickle and a file for each
 * storage, of which tensors are views with an offset and strides.
 *
 * A pickle can name any Python function. Only four kinds of names are known here, all others are refused: no code of a
 * file is ever run.
 */

import { BufferReader, NameRegistry, Parser } from 'pickleparser';
import { zipFiles } from '../disk/zip.js';
import { InputError } from '../errors.js';
import { elementCount, type Shape } from '../graph/tensor.js';
import { fromBfloat16, fromFloat16 } from './halfFloats.js';
import { type LoadedWeights, loadedWeights, type WeightValues } from './loadedWeights.js';

/** `torch.NAMEStorage`: bytes of an element, and the type's name in safetensors. */
const storages = {
  Float: { type: 'F32', size: 4 },
  Double: { type: 'F64', size: 8 },
  Half: { type: 'F16', size: 2 },
  BFloat16: { type: 'BF16', size: 2 },
  Long: { type: 'I64', size: 8 },
  Int: { type: 'I32', size: 4 },
  Short: { type: 'I16', size: 2 },
  Char: { type: 'I8', size: 1 },
  Byte: { type: 'U8', size: 1 },
  Bool: { type: 'BOOL', size: 1 },
  ComplexFloat: { type: 'C64', size: 8 },
  ComplexDouble: { type: 'C128', size: 16 },
} as const;

type StorageType = (typeof storages)[keyof typeof storages];

/** Keys of the model's state dictionary in checkpoints, in the order of preference. */
const usualKeys = ['state_dict', 'model_state_dict', 'model', 'net'];

/** A tensor whose values are not read yet. */
class StoredTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: Shape,
    readonly strides: readonly number[],
  ) {}
}

class Storage {
  constructor(
    readonly type: StorageType,
    readonly bytes: Uint8Array,
  ) {}
}

/**
 * Reads the bytes of a file called `source`: a state dictionary, or a checkpoint with one under a usual key. A prefix
 * that all names share, as added by DataParallel, is removed. Integer tensors cannot be asked for.
 *
 * @throws InputError for a damaged file, one older than PyTorch 1.6, TorchScript or a whole module, and for a pickle
 *   with names that no state dictionary needs
 */
export async function readPytorch(bytes: Uint8Array, source: string): Promise<LoadedWeights> {
  const fail = (fault: string): never => {
    throw new InputError(`${source}: ${fault}`);
  };
  if (bytes[0] !== 0x50 || bytes[1] !== 0x4b) {
    return fail(
      'no zip archive, as PyTorch writes them since 1.6; in Python, torch.save(torch.load(FILE), NAME) writes it anew',
    );
  }
  const files = await zipFiles(bytes, () => true, source);
  const pickle = [...files.keys()].find((name) => name.endsWith('data.pkl'));
  if (pickle === undefined) return fail('no file of PyTorch, it holds no data.pkl');
  const root = pickle.slice(0, -'data.pkl'.length);
  if (files.has(`${root}constants.pkl`)) {
    return fail('a TorchScript file; in Python, torch.save(model.state_dict(), NAME) writes what is read here');
  }
  const order = files.get(`${root}byteorder`);
  if (order && new TextDecoder().decode(order) !== 'little') return fail('was written on a big-endian machine');
  const dictionary = stateDictionary(unpickle(files.get(pickle)!, files, root, fail), fail);
  return lazyWeights(withoutPrefix(dictionary), source);
}

type Fail = (fault: string) => never;

function unpickle(bytes: Uint8Array, files: ReadonlyMap<string, Uint8Array>, root: string, fail: Fail): unknown {
  // Made for this file and frozen, since a pickle may write to objects that it names.
  const names = new AllowedNames()
    .register('collections', 'OrderedDict', Object.freeze(emptyDictionary))
    .register('torch._utils', '_rebuild_tensor_v2', Object.freeze(tensorOf))
    .register(
      'torch._utils',
      '_rebuild_parameter',
      Object.freeze((data: unknown) => data),
    );
  const types = new Map<unknown, StorageType>();
  for (const [name, type] of Object.entries(storages)) {
    const marker = Object.freeze(() => fault('a type of storage is called'));
    types.set(marker, type);
    names.register('torch', `${name}Storage`, marker);
  }
  const persistentResolver = { resolve: (id: unknown) => storageOf(id, types, files, root) };
  try {
    const options = { nameResolver: names, persistentResolver, unpicklingTypeOfDictionary: 'Map' } as const;
    return new Parser(options).read(new BufferReader(bytes));
  } catch (error) {
    const { message } = error as Error;
    return fail(error instanceof NameRefused ? message : `damaged (${message})`);
  }
}

class NameRefused extends Error {}

class AllowedNames extends NameRegistry {
  override onMissingName(module: string, name: string): never {
    throw new NameRefused(
      `names ${module}.${name}, which is not run; a file of tensors alone is read: torch.save(model.state_dict(), NAME)`,
    );
  }
}

function fault(what: string): never {
  throw new Error(what);
}

function emptyDictionary(...items: readonly unknown[]): Map<unknown, unknown> {
  return items.length === 0 ? new Map() : fault('a dictionary of items in a list');
}

/** A storage from the pickle's ('storage', type, key, device, number of elements). */
function storageOf(
  id: unknown,
  types: ReadonlyMap<unknown, StorageType>,
  files: ReadonlyMap<string, Uint8Array>,
  root: string,
): Storage {
  const [kind, marker, key, , count] = Array.isArray(id) ? id : [];
  const type = types.get(marker);
  const bytes = files.get(`${root}data/${key}`);
  if (kind !== 'storage' || !type) return fault('a storage of no known type');
  if (bytes?.length !== count * type.size) return fault(`storage ${key} is missing or cut short`);
  return new Storage(type, bytes!);
}

/** torch._utils._rebuild_tensor_v2, whose other arguments do not affect the values. */
function tensorOf(storage: unknown, offset: unknown, shape: unknown, strides: unknown): StoredTensor {
  if (!(storage instanceof Storage) || !isSize(offset) || !areSizes(shape) || !areSizes(strides)) {
    return fault('a tensor of something else');
  }
  if (shape.length !== strides.length) return fault('a tensor with other strides than axes');
  const count = elementCount(shape);
  const available = storage.bytes.length / storage.type.size;
  const last = shape.reduce((at, size, axis) => at + (size - 1) * strides[axis]!, offset);
  // More elements than the storage has would repeat some, which no parameter does.
  if (count > available || (count > 0 && last >= available)) return fault('a tensor beyond its storage');
  return new StoredTensor(storage, offset, shape, strides);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function areSizes(values: unknown): values is number[] {
  return Array.isArray(values) && values.every(isSize);
}

type Dictionary = ReadonlyMap<string, StoredTensor>;

/** The dictionary itself if it holds tensors, or else the one under the first of the usual keys. */
function stateDictionary(value: unknown, fail: Fail): Dictionary {
  if (!(value instanceof Map))
    return fail('holds no state dictionary; torch.save(model.state_dict(), NAME) writes one');
  const own = tensorsIn(value);
  if (own.size > 0) return own;
  const inner = [...value].flatMap(([key, entry]) => {
    const found: Dictionary = entry instanceof Map ? tensorsIn(entry) : new Map();
    return found.size > 0 ? [[String(key), found] as const] : [];
  });
  const usual = usualKeys.map((key) => inner.find(([name]) => name === key)).find((found) => found !== undefined);
  const chosen = usual ?? (inner.length === 1 ? inner[0] : undefined);
  if (chosen) return chosen[1];
  if (inner.length === 0)
    return fail(`holds no tensors by name; its keys are ${firstOf([...value.keys()].map(String))}`);
  return fail(`holds several state dictionaries: ${firstOf(inner.map(([key]) => key))}; save the one to start from`);
}

function firstOf(names: readonly string[]): string {
  return names.slice(0, 10).join(', ') + (names.length > 10 ? ', …' : '');
}

function tensorsIn(map: ReadonlyMap<unknown, unknown>): Dictionary {
  const entries = [...map].filter(([key, value]) => typeof key === 'string' && value instanceof StoredTensor);
  return new Map(entries as [string, StoredTensor][]);
}

function withoutPrefix(dictionary: Dictionary): Dictionary {
  const names = [...dictionary.keys()];
  const prefix = ['module.', '_orig_mod.'].find((start) => names.every((name) => name.startsWith(start)));
  return prefix === undefined
    ? dictionary
    : new Map([...dictionary].map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

/** The weights of a dictionary, whose values are read on demand. */
function lazyWeights(dictionary: Dictionary, source: string): LoadedWeights {
  const isFloat = ({ storage }: StoredTensor) => Object.hasOwn(floats, storage.type.type);
  const others = [...dictionary].filter(([, tensor]) => !isFloat(tensor));
  const names = [...dictionary].flatMap(([name, tensor]) => (isFloat(tensor) ? [name] : []));
  const get = (name: string) => {
    const tensor = dictionary.get(name);
    return tensor && { shape: tensor.shape, values: valuesOf(tensor) };
  };
  const types = new Map(others.map(([name, { storage }]) => [name, storage.type.type]));
  return loadedWeights(source, { keys: () => names.values(), get }, types);
}

const floats = {
  F32: (bytes: Uint8Array) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4),
  F64: (bytes: Uint8Array) => new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8),
  F16: fromFloat16,
  BF16: fromBfloat16,
} as const satisfies Partial<Record<StorageType['type'], (bytes: Uint8Array) => WeightValues['values']>>;

/** The values, row-major whatever the strides. */
function valuesOf({ storage, offset, shape, strides }: StoredTensor): WeightValues['values'] {
  const { size, type } = storage.type;
  const bytes = new Uint8Array(elementCount(shape) * size);
  let target = 0;
  const copy = (axis: number, from: number): void => {
    if (axis === shape.length) {
      bytes.set(storage.bytes.subarray(from * size, (from + 1) * size), target);
      target += size;
      return;
    }
    for (let index = 0; index < shape[axis]!; index++) copy(axis + 1, from + index * strides[axis]!);
  };
  if (isRowMajor(shape, strides)) bytes.set(storage.bytes.subarray(offset * size, offset * size + bytes.length));
  else copy(0, offset);
  return floats[type as keyof typeof floats](bytes);
}

function isRowMajor(shape: Shape, strides: readonly number[]): boolean {
  return shape.every((size, axis) => size === 1 || strides[axis] === elementCount(shape.slice(axis + 1)));
}
