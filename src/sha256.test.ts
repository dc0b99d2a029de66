/** Hashes in Node, and where there is no Node. */

import { expect, it } from 'vitest';
import { sha256, sha256InJavaScript } from './sha256.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

it('is the published digest of abc (FIPS 180-2, appendix B.1), by Node as in JavaScript', () => {
  const published = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  for (const hash of [sha256(), sha256InJavaScript()]) {
    hash.update(Buffer.from('a'));
    hash.update(Buffer.from('bc'));
    expect(hex(hash.digest())).toBe(published);
  }
});

it('is that of Node for every length around a block, in pieces', () => {
  const bytes = Uint8Array.from({ length: 200 }, (_, i) => (i * i * 31 + i) % 256);
  for (let length = 0; length <= bytes.length; length++) {
    const [node, own] = [sha256(), sha256InJavaScript()];
    for (const hash of [node, own]) {
      hash.update(bytes.subarray(0, length >> 1));
      hash.update(bytes.subarray(length >> 1, length));
    }
    expect(hex(own.digest()), `${length} bytes`).toBe(hex(node.digest()));
  }
});
