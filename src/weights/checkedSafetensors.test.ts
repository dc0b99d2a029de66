import { expect, it } from 'vitest';
import { parseSafetensorsFile, safetensorsFile } from './checkedSafetensors.js';

const file = () => safetensorsFile([{ name: 'w', shape: [2], data: Float32Array.of(1, -2) }], { epoch: '3' });

/** The file with some other text of the same length in its header. */
function changed(from: string, to: string): Uint8Array {
  const text = Buffer.from(file()).toString('latin1');
  expect(text).toContain(from);
  expect(to).toHaveLength(from.length);
  return Buffer.from(text.replace(from, to), 'latin1');
}

it('gives back what was written, its checksum aside', () => {
  expect(parseSafetensorsFile(file(), 'file').metadata).toEqual({ epoch: '3' });
});

it.each([
  ['a name', '"w"', '"v"'],
  ['a type of as many bytes', 'F32', 'I32'],
  ['a shape', '"shape":[2]', '"shape":[]'.padEnd(11)],
  ['a word of the metadata', '"epoch":"3"', '"epoch":"4"'],
  ['a value', '\u0080?', '\u0081?'],
])('notices another %s', (_, from, to) => {
  expect(() => parseSafetensorsFile(changed(from, to), 'file')).toThrow(/^file: /);
});
