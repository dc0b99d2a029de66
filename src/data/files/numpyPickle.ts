/**
 * Reader of Python pickles that hold only plain values and numpy arrays of bytes (CIFAR's python archives).
 *
 * Pickles can name any Python function. Only the five that numpy's arrays need are known here, under the names of numpy
 * 1 and 2; all others are refused. Python 2 wrote an array's bytes as a string, hence the reader that keeps all 256
 * values of its characters (Latin-1).
 */

import { BufferReader, NameRegistry, Parser } from 'pickleparser';
import { elementCount } from '../../elementCount.js';
import { InputError } from '../../errors.js';

/** An unpickled uint8 array in C order. */
export class ByteArray {
  shape: readonly number[] = [];
  bytes: Uint8Array = new Uint8Array(0);

  /** numpy's _frombuffer, which protocol 5 uses for arrays. */
  static fromBuffer(data: unknown, dtype: unknown, shape: unknown, order: unknown): ByteArray {
    const array = new ByteArray();
    array.__setstate__([1, shape, dtype, order !== 'C', data]);
    return array;
  }

  /** Called by the unpickler with numpy's (version, shape, dtype, is Fortran order, data). */
  __setstate__([, shape, dtype, isFortranOrder, data]: readonly unknown[]): void {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
    if (!(dtype instanceof DataType && /^[|<>=]?u1$/.test(dtype.code))) throw new Error('an array is not of uint8');
    if (isFortranOrder !== false) throw new Error('an array is in Fortran order');
    if (!Array.isArray(shape) || !(bytes instanceof Uint8Array)) throw new Error('an array has no data');
    if (elementCount(shape) !== bytes.length) throw new Error('an array is truncated');
    this.shape = shape;
    this.bytes = bytes;
  }
}

/** numpy.dtype. Byte order and alignment, set later, do not matter for single bytes. */
class DataType {
  constructor(readonly code: string) {}
  __setstate__(): void {}
}

class Latin1Reader extends BufferReader {
  override string(size: number, encoding: 'ascii' | 'utf-8'): string {
    if (encoding === 'utf-8') return super.string(size, encoding);
    const bytes = this.bytes(size);
    return Buffer.from(bytes.buffer, bytes.byteOffset, size).toString('latin1');
  }
}

class AllowedNames extends NameRegistry {
  override onMissingName(module: string, name: string): never {
    throw new Error(`it names ${module}.${name}, which is not allowed`);
  }
}

const allowedNames = new AllowedNames()
  .register('numpy', 'ndarray', ByteArray)
  .register('numpy', 'dtype', (code: string) => new DataType(code))
  .register('numpy.core.multiarray', '_reconstruct', () => new ByteArray())
  .register('numpy._core.multiarray', '_reconstruct', () => new ByteArray())
  .register('numpy.core.numeric', '_frombuffer', ByteArray.fromBuffer)
  .register('numpy._core.numeric', '_frombuffer', ByteArray.fromBuffer)
  // Used by Python 3 for bytes in a pickle that Python 2 can read.
  .register('_codecs', 'encode', (text: string) => Buffer.from(text, 'latin1'));

/**
 * The pickled dictionary. Strings of Python 2 are Latin-1 strings; keys may be bytes, which Python 3 makes of them.
 *
 * @throws InputError if `bytes` (of `file`, of the set `title`) is truncated, no dictionary, or holds other values
 */
export function unpickleDictionary(bytes: Uint8Array, file: string, title: string): ReadonlyMap<unknown, unknown> {
  try {
    const parser = new Parser({ nameResolver: allowedNames, unpicklingTypeOfDictionary: 'Map' });
    const value = parser.read(new Latin1Reader(bytes));
    if (value instanceof Map) return new Map([...value].map(([key, entry]) => [keyText(key), entry]));
    throw new Error('it holds no dictionary');
  } catch (error) {
    throw new InputError(
      `${file} is truncated or no ${title} python file (${error instanceof Error ? error.message : error}); fetch it again`,
    );
  }
}

function keyText(key: unknown): unknown {
  return key instanceof Uint8Array ? Buffer.from(key).toString('latin1') : key;
}
