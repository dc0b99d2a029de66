/** Zip archives: contents to the bit, checksums checked. */

import { expect, it } from 'vitest';
import { zip } from '../../test/arrayFiles.js';
import { zipFiles } from './zip.js';

const content = Uint8Array.from({ length: 300 }, (_, index) => index % 7);
const all = () => true;

it.each([false, true])('are read, deflated: %s', async (isDeflated) => {
  const archive = zip({ a: content, b: new Uint8Array(0) }, isDeflated);
  const files = await zipFiles(archive, all, 'z');
  expect([...files].map(([name, bytes]) => [name, Uint8Array.from(bytes)])).toEqual([
    ['a', content],
    ['b', new Uint8Array(0)],
  ]);
  expect([...(await zipFiles(archive, (name) => name === 'b', 'z')).keys()]).toEqual(['b']);
});

it.each([false, true])('are refused with one bit changed in a file, deflated: %s', async (isDeflated) => {
  const archive = Uint8Array.from(zip({ a: content }, isDeflated));
  const place = 4 + 26 + 1 + 8;
  archive[place]! ^= 1;
  await expect(zipFiles(archive, all, 'z')).rejects.toThrow(/^z: damaged, or no zip archive \(/);
});

it('are refused where a size is impossible, before memory is taken for it', async () => {
  const archive = Buffer.from(zip({ a: content }, true));
  // The uncompressed size in the directory: 24 bytes behind its signature.
  archive.writeUInt32LE(0xf0000000, archive.indexOf('PK\x01\x02') + 24);
  await expect(zipFiles(archive, all, 'z')).rejects.toThrow('z: damaged, or no zip archive (a has an impossible size)');
});
