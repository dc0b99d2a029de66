import { createHash } from 'node:crypto';
import fs, { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { type Dataset, File, ready } from 'h5wasm/node';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { createRandom } from '../data/index.js';
import { InputError } from '../errors.js';
import { Graph } from '../graph/index.js';
import { Variables } from '../nn/index.js';
import { safetensorsFile } from './checkedSafetensors.js';
import type { LoadedWeights } from './loadedWeights.js';
import { loadReport, startLine } from './loadReport.js';
import { readNnablaH5 } from './nnablaH5.js';
import { encodeSafetensors, type NamedTensor } from './safetensors.js';
import { readSafetensors } from './safetensorsFile.js';
import { readStartingWeights } from './startingWeights.js';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

/** An HDF5 file with the data set h = [1.5, -2] of float16, which h5wasm cannot write; compressed. */
const halfFloatFile =
  '6/RwcePlkuJi4uBggIH/UAATMoCKs768d9jfwyWISSGviSsbGVcwCSFrhAEuJgZGBgY2HgYGRgbGjMMw8z0YqAamxer0g52kiO4kBkZG' +
  'EQYGJkZGRiaoWhjNLMLAKKjAD+ULMHCxMnDxg7zHxMDIzMUhxMDAzMgA9To8UDYwDDmweu9UE4ZRMApGwSgYBaMAK7BjOMDAwHAAAA==';

const W = Float32Array.from({ length: 18 }, (_, index) => index / 8);

/** Writes what NNabla would: groups, float32, the attribute `index` against the order of names. */
async function writeH5(path: string): Promise<void> {
  await ready;
  const file = new File(path, 'w');
  for (const group of ['conv1', 'conv1/bn', 'conv1/quantized_conv', 'conv1/Wquant']) file.create_group(group);
  const parameters: [name: string, shape: number[], values: Float32Array][] = [
    ['conv1/quantized_conv/W', [2, 1, 3, 3], W],
    ['conv1/bn/gamma', [1, 2, 1, 1], Float32Array.of(1, 2)],
    ['conv1/bn/beta', [1, 2, 1, 1], Float32Array.of(3, 4)],
    ['conv1/Wquant/d', [], Float32Array.of(0.125)],
  ];
  for (const [index, [name, shape, data]] of parameters.entries()) {
    file.create_dataset({ name, shape, data, dtype: '<f4' });
    (file.get(name) as Dataset).create_attribute('index', index);
  }
  file.close();
}

describe('reading NNabla files', () => {
  it('finds every dataset in nested groups, in the order of its index', async () => {
    const path = join(folder, 'params.h5');
    await writeH5(path);
    const parameters = await readNnablaH5(path);
    expect(parameters.names).toEqual(['conv1/quantized_conv/W', 'conv1/bn/gamma', 'conv1/bn/beta', 'conv1/Wquant/d']);
    expect(parameters.get('conv1/quantized_conv/W')).toEqual({ shape: [2, 1, 3, 3], values: W });
    expect(parameters.get('conv1/bn/gamma')).toEqual({ shape: [1, 2, 1, 1], values: Float32Array.of(1, 2) });
    expect(parameters.get('conv1/Wquant/d')?.shape).toEqual([]);
    expect(parameters.get('conv1/Wquant/d')?.values[0]).toBe(0.125);
  });

  it('says that a truncated file is damaged, and prints nothing', async () => {
    const path = join(folder, 'params.h5');
    await writeH5(path);
    const bytes = readFileSync(path);
    const print = vi.spyOn(fs, 'writeSync');
    for (let length = 8; length < bytes.length - 1; length += 331) {
      writeFileSync(path, bytes.subarray(0, length));
      await expect(readNnablaH5(path)).rejects.toThrow(InputError);
    }
    expect(print.mock.calls.filter(([descriptor]) => descriptor <= 2).length).toBe(0);
    print.mockRestore();
  });

  it('refuses other files, and of other types only what is asked for', async () => {
    const path = join(folder, 'params.h5');
    writeFileSync(path, 'text');
    await expect(readNnablaH5(path)).rejects.toThrow(`${path}: no HDF5 file`);
    await ready;
    const file = new File(path, 'w');
    file.create_dataset({ name: 'labels', data: Int32Array.of(1) });
    file.create_dataset({ name: 'words', data: ['a', 'bc'] });
    file.create_dataset({ name: 'd', data: Float64Array.of(0.1, 0.2) });
    file.close();
    const weights = await readNnablaH5(path);
    expect(weights.names).toEqual(['d']);
    expect(weights.get('d')).toEqual({ shape: [2], values: Float64Array.of(0.1, 0.2) });
    expect(() => weights.get('labels')).toThrow(
      `${path}: labels has type <i; F64, F32, F16 and BF16 can be parameters`,
    );
    expect(() => weights.get('words')).toThrow('words has type');
  });

  it('takes float16 as float32', async () => {
    const path = join(folder, 'half.h5');
    writeFileSync(path, inflateRawSync(Buffer.from(halfFloatFile, 'base64')));
    const weights = await readNnablaH5(path);
    expect(weights.get(weights.names[0]!)).toEqual({ shape: [2], values: Float32Array.of(1.5, -2) });
  });
});

describe('safetensors files', () => {
  const tensors = [{ name: 'a', shape: [2], data: Float32Array.of(1, 2) }];

  it('come back as written and notice any changed byte', () => {
    const path = join(folder, 'a.safetensors');
    writeFileSync(path, safetensorsFile(tensors, { epoch: '3' }));
    const read = readSafetensors(path);
    expect([...read.tensors.values()]).toEqual(tensors);
    expect(read.metadata).toEqual({ epoch: '3' });
    const bytes = readFileSync(path);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(path, bytes);
    expect(() => readSafetensors(path)).toThrow(InputError);
    expect(() => readSafetensors(path)).toThrow('damaged, its contents do not fit its checksum');
  });

  it('of other programs may have a key sha256, too; ours of earlier versions are still verified', () => {
    const path = join(folder, 'a.safetensors');
    const write = (format: string) => writeFileSync(path, encodeSafetensors(tensors, { format, sha256: 'of theirs' }));
    write('pt');
    expect(readSafetensors(path).metadata).toEqual({ format: 'pt', sha256: 'of theirs' });
    write('mixed-precision-dnns parameters');
    expect(() => readSafetensors(path)).toThrow('remove sha256 from its metadata');
    const metadata = { format: 'mixed-precision-dnns parameters' };
    const sha256 = createHash('sha256')
      .update(JSON.stringify(Object.entries(metadata)))
      .update(JSON.stringify(['a', 'F32', [2]]))
      .update(new Uint8Array(tensors[0]!.data.buffer))
      .digest('hex');
    writeFileSync(path, encodeSafetensors(tensors, { ...metadata, sha256 }));
    expect(readSafetensors(path).metadata).toEqual(metadata);
  });

  it('with values that no network has are refused where these are asked for', async () => {
    const path = join(folder, 'a.safetensors');
    const named = (name: string, ...values: number[]): NamedTensor => ({
      name,
      shape: [values.length],
      data: Float32Array.from(values),
    });
    const all = [
      named('a', 1, Number.NaN),
      named('b', 1, -1),
      named('bn/var', 1, -1),
      named('bn.running_var', 1, 1 / 0),
    ];
    writeFileSync(path, encodeSafetensors([...all, { name: 'n', shape: [], data: BigInt64Array.of(1n) }]));
    const weights = await readStartingWeights(path);
    expect(weights.get('b')?.values).toEqual(Float32Array.of(1, -1));
    expect(() => weights.get('a')).toThrow(`${path}: a holds NaN (value 1 of 2): parameters are finite`);
    expect(() => weights.get('bn/var')).toThrow(
      'bn/var holds -1 (value 1 of 2): a variance is finite and not negative',
    );
    expect(() => weights.get('bn.running_var')).toThrow('holds Infinity');
    expect(() => weights.get('n')).toThrow('n has type I64');
  });

  it('of other programs are read without a checksum', async () => {
    const path = join(folder, 'torch.safetensors');
    const batches = { name: 'bn1.num_batches_tracked', shape: [], data: BigInt64Array.of(7n) };
    writeFileSync(path, encodeSafetensors([...tensors, batches], { format: 'pt' }));
    const weights = await readStartingWeights(path);
    expect(weights.names).toEqual(['a']);
    expect(weights.get('a')).toEqual({ shape: [2], values: Float32Array.of(1, 2) });
  });
});

describe('starting weights', () => {
  it('come from both formats', async () => {
    const path = join(folder, 'params.H5');
    await writeH5(path);
    const weights = await readStartingWeights(path);
    expect(weights.source).toBe(path);
    expect(weights.get('conv1/bn/beta')?.values).toEqual(Float32Array.of(3, 4));
    expect(weights.get('conv2/bn/beta')).toBeUndefined();
  });

  it('say what is wrong with a file', async () => {
    const fault = async (name: string, prepare: (path: string) => void = () => {}) => {
      const path = join(folder, name);
      prepare(path);
      const error = await readStartingWeights(path).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(InputError);
      return (error as Error).message.replace(folder, '');
    };
    expect(await fault('none.safetensors')).toBe('/none.safetensors: no such file');
    expect(await fault('none.h5')).toBe('/none.h5: no such file');
    expect(await fault('a.npz')).toContain('/a.npz: weights are read from .safetensors');
    expect(await fault('a.pth', (path) => writeFileSync(path, 'text'))).toContain('no zip archive, as PyTorch writes');
    expect(await fault('a.safetensors', (path) => mkdirSync(path))).toContain('is a folder');
    expect(await fault('b.safetensors', (path) => writeFileSync(path, 'text'))).toContain('no valid safetensors file');
    if (process.getuid?.() === 0) return;
    const lock = (path: string) => {
      writeFileSync(path, '');
      chmodSync(path, 0);
    };
    expect(await fault('c.safetensors', lock)).toContain('no permission to read');
  });
});

describe('the report of what was used', () => {
  const from = (...names: string[]): LoadedWeights => ({
    source: 'params.h5',
    names,
    get: (name) => (names.includes(name) ? { shape: [2], values: [1, 2] } : undefined),
  });
  const network = (starting: LoadedWeights) => {
    const variables = new Variables(createRandom(1), starting);
    const graph = new Graph();
    for (const name of ['gamma', 'beta']) variables.parameter(graph, name, [2], 'plain', () => new Float64Array(2));
    variables.runningValue(graph, 'mean', 2, 0);
    return variables;
  };

  it('lists matched, missing and unused names', () => {
    const starting = from('extra', 'gamma', 'mean');
    expect(loadReport(network(starting), starting)).toEqual({
      matched: ['gamma', 'mean'],
      missing: ['beta'],
      unused: ['extra'],
    });
  });

  it('says in a line what is fresh and what unused, with the nearest names', () => {
    const starting = from('extra', 'gamma', 'meen', 'betas');
    expect(startLine(network(starting), starting, ['a'])).toBe(
      'starts from params.h5: 1 tensors taken, 2 fresh (beta, for which it may have betas, mean, for which it may have ' +
        'meen), 3 unused (extra, meen, betas)',
    );
    const others = from('gama', 'betas');
    expect(() => loadReport(network(others), others)).toThrow(
      'this network has gamma, beta (nearest to gamma is gama)',
    );
  });

  it('does not miss the exponents of channels, which start from data', () => {
    const starting = from('gamma', 'mean');
    const variables = network(starting);
    const zeros = () => new Float64Array(4);
    variables.parameter(new Graph(), 'Wquant/fp/exponents', [4], 'plain', zeros, 'exponent');
    expect(loadReport(variables, starting).missing).toEqual(['beta']);
    const own = from('gamma', 'Wquant/fp/exponents');
    expect(loadReport(variables, own).matched).toEqual(['gamma', 'Wquant/fp/exponents']);
  });

  it('refuses a file that gives no parameter', () => {
    const starting = from('a', 'b', 'c', 'd', 'mean');
    expect(() => loadReport(network(starting), starting)).toThrow(
      'params.h5: holds parameters of another network: its first names are a, b, c, …; this network has gamma, beta',
    );
    expect(() => loadReport(network(from()), from())).toThrow('it holds no floating-point tensor');
  });
});
