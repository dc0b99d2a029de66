/** Files that are no packed files of this version, or damaged ones: refused in one line. */

import { expect, it } from 'vitest';
import { packNetwork, sealed } from '../../src/ship/packedFile.js';
import { unpackNetwork } from '../../src/ship/packedReader.js';
import { decodeSafetensors } from '../../src/weights/safetensors.js';
import { randomNetwork } from './randomNetwork.js';

const packed = packNetwork(randomNetwork(1).network);

/** The same file with other metadata and a matching checksum. */
function described(changes: Readonly<Record<string, string>>): Uint8Array {
  const { tensors, metadata } = decodeSafetensors(packed, 'net');
  const { crc32: _, ...others } = metadata;
  return sealed([...tensors.values()], { ...others, ...changes });
}

function flipped(at: number): Uint8Array {
  const bytes = packed.slice();
  bytes[at]! ^= 1;
  return bytes;
}

/** The description of the network. */
function description() {
  return JSON.parse(decodeSafetensors(packed, 'net').metadata.network!);
}

/** The description of the network, with a tensor of no axes. */
function withoutAxes(): string {
  const { tensors, ...others } = description();
  return JSON.stringify({ ...others, tensors: [{ ...tensors[0], shape: [] }, ...tensors.slice(1)] });
}

/** The description of the network, with columns of a table. */
function withColumns(columns: unknown): string {
  return JSON.stringify({ ...description(), columns });
}

it.each([
  ['another version', described({ version: '1' }), 'net: has version 1, this program reads version 2; export it anew'],
  ['another format', described({ format: 'pt' }), 'net: no packed network, its format is pt'],
  ['a bit that flipped', flipped(packed.length - 1), 'net: damaged, its contents do not fit its checksum'],
  ['a file cut short', packed.subarray(0, -1), /^net: .*$/],
  ['a description that is none', described({ network: '[]' }), /^net: damaged, .+$/],
  ['no layers', described({ network: '{"classes":[],"tensors":[],"layers":[]}' }), 'net: damaged, it has no layers'],
  ['too many columns', described({ network: withColumns(['a', 'b']) }), 'net: damaged, 1 channels for 2 columns'],
  ['columns without names', described({ network: withColumns([1]) }), 'net: damaged, column is no text'],
  ['a tensor without axes', described({ network: withoutAxes() }), 'net: damaged, shape has no axes'],
])('%s', (_, bytes, message) => {
  expect(() => unpackNetwork(bytes, 'net')).toThrow(message);
});
