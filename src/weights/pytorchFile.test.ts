/** PyTorch's files: tensors to the bit, whatever their strides; every name but those of tensors refused. */

import { describe, expect, it } from 'vitest';
import { zip } from '../../test/arrayFiles.js';
import { floats, type PythonName, torchFile } from '../../test/pytorchFile.js';
import type { LoadedWeights } from './loadedWeights.js';
import { readPytorch } from './pytorchFile.js';

const read = (...file: Parameters<typeof torchFile>) => readPytorch(torchFile(...file), 'a.pt');
const values = (weights: LoadedWeights) =>
  Object.fromEntries(weights.names.map((name) => [name, [...Array.from(weights.get(name)!.values)]]));
const six = floats([2, 3], [0, 1, 2, 3, 4, 5]);

/** data.pkl of PyTorch 1.13: {'epoch': 3, 'state_dict': OrderedDict} of w.t(), a counter and w[1, 1:].half(). */
const pickle = `
gAJ9cQAoWAUAAABlcG9jaHEBSwNYCgAAAHN0YXRlX2RpY3RxAmNjb2xsZWN0aW9ucwpPcmRlcmVkRGljdApxAylScQQoWAkAAABmYy53ZWlnaHRx
BWN0b3JjaC5fdXRpbHMKX3JlYnVpbGRfdGVuc29yX3YyCnEGKChYBwAAAHN0b3JhZ2VxB2N0b3JjaApGbG9hdFN0b3JhZ2UKcQhYAQAAADBxCVgD
AAAAY3B1cQpLBnRxC1FLAEsDSwKGcQxLAUsDhnENiWgDKVJxDnRxD1JxEFgBAAAAbnERaAYoKGgHY3RvcmNoCkxvbmdTdG9yYWdlCnESWAEAAAAx
cRNoCksBdHEUUUsAKSmJaAMpUnEVdHEWUnEXWAQAAABoYWxmcRhoBigoaAdjdG9yY2gKSGFsZlN0b3JhZ2UKcRlYAQAAADJxGmgKSwJ0cRtRSwBL
AoVxHEsBhXEdiWgDKVJxHnRxH1JxIHV1Lg==`;

describe('a file of PyTorch', () => {
  it('as PyTorch itself writes it', async () => {
    const file = zip({
      'f/data.pkl': Buffer.from(pickle, 'base64'),
      'f/data/0': six.bytes,
      'f/data/1': new Uint8Array(8),
      'f/data/2': Uint8Array.of(0x00, 0x44, 0x00, 0x45),
      'f/version': Buffer.from('3\n'),
    });
    const weights = await readPytorch(file, 'a.pt');
    expect(values(weights)).toEqual({ 'fc.weight': [0, 3, 1, 4, 2, 5], half: [4, 5] });
    expect(weights.get('fc.weight')?.shape).toEqual([3, 2]);
    expect(() => weights.get('n')).toThrow('a.pt: n has type I64; F64, F32, F16 and BF16 can be parameters');
    expect(weights.get('m')).toBeUndefined();
  });

  it('has views with offsets and strides, scalars, and other types of floats', async () => {
    const bfloat16 = { storage: 'BFloat16', bytes: Uint8Array.of(0xc0, 0x3f), count: 1, shape: [1], strides: [1] };
    const double = new Uint8Array(Float64Array.of(0.1).buffer);
    const weights = await read({
      whole: six,
      part: { ...six, offset: 1, shape: [2, 2], strides: [3, 1] },
      turned: { ...six, shape: [3, 2], strides: [1, 3] },
      scalar: { ...six, offset: 4, shape: [], strides: [] },
      bfloat16,
      double: { ...bfloat16, storage: 'Double', bytes: double },
    });
    expect(values(weights)).toEqual({
      whole: [0, 1, 2, 3, 4, 5],
      part: [1, 2, 4, 5],
      turned: [0, 3, 1, 4, 2, 5],
      scalar: [4],
      bfloat16: [1.5],
      double: [0.1],
    });
  });

  it('may be a checkpoint, and of a wrapped model', async () => {
    const own = { a: six };
    const optimizer = { state: { '0': { momentum: six } }, steps: 3 };
    expect((await read({ epoch: 1, model: own, optimizer })).names).toEqual(['a']);
    expect((await read({ state_dict_ema: { b: six }, state_dict: own })).names).toEqual(['a']);
    expect((await read({ weights: own })).names).toEqual(['a']);
    expect((await read({ 'module.a': six, 'module.b': six })).names).toEqual(['a', 'b']);
    expect((await read({ 'module.a': six, b: six })).names).toEqual(['module.a', 'b']);
  });

  const name = (module: string, name: string): PythonName => ({ module, name });
  it.each<[string, Parameters<typeof torchFile>]>([
    [
      'a.pt: names posix.system, which is not run; a file of tensors alone is read: torch.save(',
      [name('posix', 'system')],
    ],
    ['a.pt: names torch.load, which is not run', [{ a: six, b: name('torch', 'load') }]],
    ['a.pt: names __main__.Net, which is not run', [name('__main__', 'Net')]],
    ['a.pt: holds several state dictionaries: g, d; save the one to start from', [{ g: { a: six }, d: { a: six } }]],
    ['a.pt: holds no tensors by name; its keys are epoch', [{ epoch: 3 }]],
    ['a.pt: holds no state dictionary; torch.save(model.state_dict(), NAME) writes one', [3]],
    ['a.pt: damaged (a tensor beyond its storage)', [{ a: { ...six, shape: [3, 3] } }]],
    ['a.pt: damaged (a tensor beyond its storage)', [{ a: { ...six, offset: 1 } }]],
    ['a.pt: damaged (a tensor beyond its storage)', [{ a: { ...six, shape: [1_000_000], strides: [0] } }]],
    ['a.pt: damaged (a tensor with other strides than axes)', [{ a: { ...six, strides: [1] } }]],
    ['a.pt: damaged (storage 0 is missing or cut short)', [{ a: { ...six, count: 7 } }]],
    ['a.pt: a TorchScript file; in Python,', [{ a: six }, { 'a/constants.pkl': new Uint8Array(1) }]],
    ['a.pt: was written on a big-endian machine', [{ a: six }, { 'a/byteorder': Buffer.from('big') }]],
  ])('is refused: %s', async (message, file) => await expect(read(...file)).rejects.toThrow(message));

  it('is refused where it is older than 1.6, or no file of PyTorch', async () => {
    const old = Buffer.from('\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.', 'latin1');
    await expect(readPytorch(old, 'a.pt')).rejects.toThrow('a.pt: no zip archive, as PyTorch writes them since 1.6');
    await expect(readPytorch(zip({ a: six.bytes }), 'a.pt')).rejects.toThrow(
      'no file of PyTorch, it holds no data.pkl',
    );
  });
});
