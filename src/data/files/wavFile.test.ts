/** WAV files: samples of every width, and faults in a line. */

import { describe, expect, it } from 'vitest';
import { wavChunk, wavFile } from '../../../test/wavFile.js';
import { parseWav } from './wavFile.js';

const bytesOf = ({ buffer }: ArrayBufferView) => new Uint8Array(buffer);
const three = bytesOf(Int16Array.of(0, -32768, 16384));

describe('a WAV file', () => {
  it.each<[string, number, number, Uint8Array]>([
    ['8 bits, unsigned', 1, 8, Uint8Array.of(128, 0, 192)],
    ['16 bits', 1, 16, three],
    ['24 bits', 1, 24, Uint8Array.of(0, 0, 0, 0, 0, 0x80, 0, 0, 0x40)],
    ['32 bits', 1, 32, bytesOf(Int32Array.of(0, -(2 ** 31), 2 ** 30))],
    ['floats', 3, 32, bytesOf(Float32Array.of(0, -1, 0.5))],
    ['floats of 64 bits', 3, 64, bytesOf(Float64Array.of(0, -1, 0.5))],
  ])('of %s', (_, code, bits, samples) => {
    const expected = { sampleRate: 8000, samples: Float32Array.of(0, -1, 0.5) };
    expect(parseWav(wavFile({ code, bits }, samples), 'a')).toEqual(expected);
  });

  it('with other chunks, of odd lengths too, and a format of the longer kind', () => {
    const list = wavChunk('LIST', new Uint8Array(3));
    expect(parseWav(wavFile({ bits: 16 }, three, list), 'a').samples).toHaveLength(3);
    const long = Buffer.alloc(40);
    Buffer.from(wavFile({ code: 0xfffe, bits: 16 }, three)).copy(long, 0, 20, 36);
    long.writeUInt16LE(1, 24);
    const chunks = [Buffer.from('WAVE'), wavChunk('fmt ', long), wavChunk('data', three)];
    expect(parseWav(wavChunk('RIFF', Buffer.concat(chunks)), 'a').samples).toHaveLength(3);
  });

  it.each<[string, Uint8Array]>([
    ['a: no WAV file', Buffer.from('RIFX\0\0\0\0WAVE')],
    ['a: has 2 channels; clips of one are read', wavFile({ channels: 2, bits: 16 }, three)],
    [
      'a: has samples of 12 bits in format 1; read are 8, 16, 24 and 32 bits (1), and floats (3)',
      wavFile({ bits: 12 }, three),
    ],
    ['a: has samples of 4 bits in format 17', wavFile({ code: 17, bits: 4 }, three)],
    ['a: damaged: 3 bytes are no whole samples of 16 bits', wavFile({ bits: 16 }, new Uint8Array(3))],
    ['a: damaged: it has no samples a second', wavFile({ sampleRate: 0, bits: 16 }, three)],
    ["a: damaged: it ends within its chunk 'data'", wavFile({ bits: 16 }, three).subarray(0, 46)],
    ['a: damaged: it has no samples', wavFile({ bits: 16 }, three).subarray(0, 36)],
    [
      'a: damaged: it has samples before their format',
      wavChunk('RIFF', Buffer.concat([Buffer.from('WAVE'), wavChunk('data', three)])),
    ],
    ['a: sample 1 is NaN; samples are finite', wavFile({ code: 3, bits: 32 }, bytesOf(Float32Array.of(0, Number.NaN)))],
  ])('is refused: %s', (message, bytes) => expect(() => parseWav(bytes, 'a')).toThrow(message));
});
