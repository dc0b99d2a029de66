/** The checksum of zip files against zlib's. */

import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { crc32, crc32c } from './crc32.js';

it('is that of zlib, whatever the length and the cut', () => {
  const bytes = Uint8Array.from({ length: 1030 }, (_, index) => (index * 7919) >> 3);
  for (const length of [0, 1, 2, 3, 4, 5, 1030]) {
    const part = bytes.subarray(0, length);
    // A gzip file ends with the checksum and the length.
    const expected = gzipSync(part).readUInt32LE(gzipSync(part).length - 8);
    expect(crc32(part)).toBe(expected);
    expect(crc32(part.subarray(length >> 1), crc32(part.subarray(0, length >> 1)))).toBe(expected);
  }
});

it("of Castagnoli's polynomial has the published check value (RFC 3720, appendix B.4)", () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
});
