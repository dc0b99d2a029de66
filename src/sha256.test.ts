/** Hashes in Node, and where there is no Node. */

import { sha256 as inJavaScript } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { expect, it } from 'vitest';
import { sha256 } from './sha256.js';

it('is the published digest of abc (FIPS 180-2, appendix B.1), by Node as in JavaScript', () => {
  const published = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  for (const hash of [sha256(), inJavaScript.create()]) {
    hash.update(utf8ToBytes('a'));
    hash.update(utf8ToBytes('bc'));
    expect(bytesToHex(hash.digest())).toBe(published);
  }
});
