/** numpy's files: what numpy writes is read to the bit, what could run code or is damaged is refused in a line. */

import { describe, expect, it } from 'vitest';
import { npy } from '../../../test/arrayFiles.js';
import { parseNpy } from './npy.js';

const six = Float32Array.of(1, 2, 3, 4, 5, 6);
const header = (descr: string, order = 'False', shape = '(2, 3)') =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`;

describe('an .npy file', () => {
  // numpy.save(file, numpy.array([[1.5, -2]])) of numpy 2.4, as base64.
  it('of numpy itself', () => {
    const floats =
      'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDEsIDIpLCB9ICAgICAgICAgICAgIC' +
      'AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAD4PwAAAAAAAADA';
    expect(parseNpy(Buffer.from(floats, 'base64'), 'a')).toEqual({ shape: [1, 2], values: Float32Array.of(1.5, -2) });
  });

  it.each([
    Int8Array.of(-1, 2),
    Uint8Array.of(1, 255),
    Int16Array.of(-300, 2),
    Int32Array.of(-70_000, 2),
    BigInt64Array.of(-7n, 2n ** 40n),
    Float32Array.of(0.1, -0),
  ])('of %s', (values) => expect(parseNpy(npy([2], values), 'a')).toEqual({ shape: [2], values }));

  it('of doubles, rounded to float32', () => {
    const values = Float32Array.of(0.1, Number.POSITIVE_INFINITY);
    expect(parseNpy(npy([2], Float64Array.of(0.1, 1e300)), 'a')).toEqual({ shape: [2], values });
  });

  it('of half floats, as float32', () => {
    const words = new Uint8Array(Uint16Array.of(0x3e00, 0xc000).buffer);
    const values = Float32Array.of(1.5, -2);
    expect(parseNpy(npy([2], words, header('<f2', 'False', '(2,)')), 'a')).toEqual({ shape: [2], values });
  });

  it('of texts', () => {
    const codes = new Uint8Array(Uint32Array.of(0x61, 0x62, 0xe4, 0).buffer);
    const texts = ['ab', 'ä'];
    expect(parseNpy(npy([2], codes, header('<U2', 'False', '(2,)')), 'a')).toEqual({ shape: [2], texts });
  });

  it('with keys in another order, spaces and no comma at the end', () => {
    const text = "{ 'shape' : (2,3) , 'fortran_order':False, 'descr': '<f4'}";
    expect(parseNpy(npy([2, 3], six, text), 'a')).toEqual({ shape: [2, 3], values: six });
  });

  it('of one column is the same in Fortran order', () => {
    expect(parseNpy(npy([6, 1], six, header('<f4', 'True', '(6, 1)')), 'a')).toEqual({ shape: [6, 1], values: six });
  });

  it.each([
    [header('|O'), 'a: holds Python objects (a pickle), which are never read; save an array of numbers'],
    [header('>f4'), "a: is big-endian; save array.astype('<f4') or another '<' type"],
    [header('<f4', 'True'), 'a: is in Fortran order; save numpy.ascontiguousarray(…) of it'],
    [header('<c8'), "a: has values of type '<c8', read are integers, floats of 16, 32 and 64 bits, and texts"],
    [header('<f4', 'False', '(2, 4)'), "a: damaged: 24 bytes of values, [2,4] of '<f4' are 32"],
    [header('<U0', 'False', '(999999999999999,)'), "a: has values of type '<U0'"],
    ["{'descr': [('x', '<f4')], 'shape': (6,)}", 'a: has fields with names (a structured array), not numbers'],
    [header('<f4', 'None'), 'a: damaged: its header is none of numpy'],
    [`${header('<f4').slice(0, -1)}'more': True}`, 'a: damaged: its header is none of numpy'],
    [header('<f4', 'False', '(-2, -3)'), 'a: damaged: its header is none of numpy'],
  ])('is refused: %s', (text, message) => expect(() => parseNpy(npy([2, 3], six, text), 'a')).toThrow(message));

  it('is refused where it ends too early', () => {
    const bytes = npy([2, 3], six);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => parseNpy(bytes.subarray(0, length), 'a')).toThrow(/^a: (no .npy file|damaged|.npy version)/);
    }
  });
});
