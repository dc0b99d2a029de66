/**
 * A record of TensorFlow's files: the length of its data, the data, and a checksum after each, little-endian. Checksums
 * are masked, since those of data that contain checksums would be weak (tensorflow/core/lib/hash/crc32c.h).
 */

import { crc32c } from '../crc32.js';

export function record(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, masked(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, masked(data), true);
  return bytes;
}

function masked(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
