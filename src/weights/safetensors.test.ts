import { describe, expect, it } from 'vitest';
import { createRandom } from '../data/index.js';
import { InputError } from '../errors.js';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from './safetensors.js';

const tensors: NamedTensor[] = [
  { name: 'conv1/W', shape: [2, 1, 1, 2], data: Float32Array.of(1.5, -0, Number.NaN, 1e-45) },
  { name: 'é "quoted" \\', shape: [3], data: Uint8Array.of(1, 2, 255) },
  { name: '__proto__', shape: [], data: Float64Array.of(1 / 3) },
  { name: 'empty', shape: [0, 4], data: new Int32Array(0) },
  { name: 'words', shape: [2], data: Uint32Array.of(0, 2 ** 32 - 1) },
  { name: 'batches', shape: [1], data: BigInt64Array.of(-1n) },
];

/** A file with any header. */
function file(
  header: string,
  values = new Uint8Array(0),
  length = new TextEncoder().encode(header).length,
): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + values.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, 8);
  bytes.set(values, 8 + text.length);
  return bytes;
}

const entry = (begin: number, end: number, shape = `[${end - begin}]`, dtype = 'U8') =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;

describe('safetensors', () => {
  it('gives back what was written, whatever the alignment of the bytes', () => {
    const metadata = { epoch: '3', __proto__note: 'x', ünïcode: '✓' };
    const bytes = encodeSafetensors(tensors, metadata);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    for (const source of [bytes, shifted.subarray(1)]) {
      const read = decodeSafetensors(source, 'file');
      expect(read.metadata).toEqual(metadata);
      expect(read.tensors.size).toBe(tensors.length);
      for (const tensor of tensors) expect(read.tensors.get(tensor.name)).toEqual(tensor);
    }
  });

  it('has the published layout: length, padded header, values from a multiple of 64 on', () => {
    const bytes = encodeSafetensors([{ name: 'a', shape: [2], data: Uint8Array.of(7, 8) }]);
    const header = '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}'.padEnd(64 + 56);
    expect(bytes).toEqual(file(header.slice(0, 56), Uint8Array.of(7, 8)));
  });

  it('writes equal contents as equal bytes, in any order', () => {
    const forwards = encodeSafetensors(tensors, { a: '1', b: '2' });
    expect(encodeSafetensors([...tensors].reverse(), { b: '2', a: '1' })).toEqual(forwards);
  });

  it('refuses to write two tensors of one name, or values that do not fill the shape', () => {
    const a = { name: 'a', shape: [1], data: Uint8Array.of(1) };
    expect(() => encodeSafetensors([a, a])).toThrow('one name');
    expect(() => encodeSafetensors([{ ...a, shape: [2] }])).toThrow('a: 1 values for shape [2]');
  });

  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(0), 'it has 0 bytes'],
    ['an absurd length', file('{}', new Uint8Array(0), 2 ** 52), 'its header would have'],
    ['a cut header', file('{}', new Uint8Array(0), 3), 'it ends within its header (10 of 11 bytes)'],
    ['no JSON', file('{"a":'), 'its header is no JSON'],
    ['no UTF-8', file('{}', new Uint8Array([0xff]), 3), 'its header is no UTF-8 text'],
    ['a list', file('[]'), 'its header is no JSON object'],
    ['a repeated name', file(`{"a":${entry(0, 0)},"\\u0061" : ${entry(0, 0)}}`), '"a" stands twice'],
    ['a repeated field', file('{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}'), '"dtype" stands'],
    ['an entry that is none', file('{"a":3}'), 'the entry of a is no JSON object'],
    ['metadata other than texts', file('{"__metadata__":{"a":1}}'), '__metadata__ must hold texts'],
    ['a type that is none', file('{"a":{"dtype":1,"shape":[0],"data_offsets":[0,0]}}'), 'a has no dtype'],
    ['too few half floats', file(`{"a":${entry(0, 3, '[2]', 'F16')}}`), 'a of shape [2] has 3 bytes instead of 4'],
    ['a negative size', file(`{"a":${entry(0, 1, '[-1,-1]')}}`), 'the shape of a is no list of sizes'],
    ['lists without end', file(`{"a":${entry(0, 0, '['.repeat(1e5) + ']'.repeat(1e5))}}`), 'the shape of a is no list'],
    ['a missing offset', file('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0]}}'), 'a has no two offsets'],
    ['too few bytes', file(`{"a":${entry(0, 4, '[2]', 'F32')}}`), 'a of shape [2] has 4 bytes instead of 8'],
    ['a hole', file(`{"a":${entry(0, 1)},"b":${entry(2, 3)}}`, new Uint8Array(3)), 'b begins at byte 2 instead of 1'],
    ['an overlap', file(`{"a":${entry(0, 2)},"b":${entry(1, 3)}}`, new Uint8Array(3)), 'b begins at byte 1 instead'],
    ['values cut off', file(`{"a":${entry(0, 3)}}`, new Uint8Array(2)), 'it ends within a (2 of 3 bytes of values)'],
    ['values of nobody', file(`{"a":${entry(0, 1)}}`, new Uint8Array(3)), '2 bytes at its end belong to no tensor'],
  ])('refuses %s', (_, bytes, message) => {
    const read = () => decodeSafetensors(bytes, 'runs/a.safetensors');
    expect(read).toThrow(InputError);
    expect(read).toThrow('runs/a.safetensors: no valid safetensors file, ');
    expect(read).toThrow(message);
  });

  it('reads half floats as float32', () => {
    const words = (...values: number[]) => new Uint8Array(Uint16Array.from(values).buffer);
    const half = file(
      `{"a":${entry(0, 16, '[8]', 'F16')}}`,
      words(0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x8000, 0x7c00, 0x7e00),
    );
    const values = Float32Array.of(1, -2, 65504, 2 ** -14, 2 ** -24, -0, Number.POSITIVE_INFINITY, Number.NaN);
    expect(decodeSafetensors(half, 'file').tensors.get('a')).toEqual({ name: 'a', shape: [8], data: values });
    const brain = file(`{"a":${entry(0, 8, '[4]', 'BF16')}}`, words(0x3f80, 0xc040, 0x0001, 0xff80));
    const wide = Float32Array.of(1, -3, 2 ** -133, Number.NEGATIVE_INFINITY);
    expect(decodeSafetensors(brain, 'file').tensors.get('a')?.data).toEqual(wide);
  });

  it('leaves tensors of other types to nobody', () => {
    const types = ['BOOL', 'F8_E4M3', 'I64', 'F4', 'C64', 'constructor'];
    const header = types.map((type, index) => `"${type}":${entry(8 * index, 8 * index + 8, '[1]', type)}`);
    const read = decodeSafetensors(file(`{${header.join()},"__metadata__":null}`, new Uint8Array(48)), 'file');
    expect([...read.tensors.keys()]).toEqual(['I64']);
    expect([...read.unread]).toEqual(types.filter((type) => type !== 'I64').map((type) => [type, type]));
    expect(read.metadata).toEqual({});
  });

  it('is not confused by names that look like syntax', () => {
    const bytes = encodeSafetensors([{ name: '":{"a', shape: [1], data: Uint8Array.of(1) }], {
      dtype: '"dtype":',
      x: '\\',
    });
    expect(decodeSafetensors(bytes, 'file').metadata).toEqual({ dtype: '"dtype":', x: '\\' });
  });

  it('reads or refuses damaged files, and nothing else', () => {
    const bytes = encodeSafetensors(tensors, { epoch: '3' });
    const start = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const outcome = (damaged: Uint8Array): string => {
      try {
        decodeSafetensors(damaged, 'file');
        return 'read';
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        return 'refused';
      }
    };
    for (let length = 0; length < bytes.length; length++) expect(outcome(bytes.subarray(0, length))).toBe('refused');
    const counts = { read: 0, refused: 0 };
    const random = createRandom(1);
    for (let bit = 0; bit < 8 * start; bit++) {
      const damaged = bytes.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      counts[outcome(damaged) as keyof typeof counts]++;
    }
    for (let round = 0; round < 2000; round++) {
      const damaged = bytes.slice();
      for (let flips = random.below(6); flips >= 0; flips--) damaged[random.below(start)] = random.below(256);
      counts[outcome(damaged) as keyof typeof counts]++;
    }
    expect(counts.refused).toBeGreaterThan(counts.read);
  });
});
