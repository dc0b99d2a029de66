/** Cyclic redundancy checks of 32 bits. */

/** Computes a checksum of bytes. `before`: the checksum of preceding bytes. */
type Checksum = (bytes: Uint8Array, before?: number) => number;

/** The checksum of zip and PNG files. */
export const crc32 = checksum(0xedb88320);

/** Castagnoli's checksum, used in TensorBoard's files. */
export const crc32c = checksum(0x82f63b78);

/**
 * Makes a checksum that takes four bytes at a time ("slicing", M. Kounavis and F. Berry 2005), with tables for the
 * effect of a byte that n zero bytes follow.
 *
 * @param polynomial with reversed bits, in the order of shifting
 */
function checksum(polynomial: number): Checksum {
  const first = Int32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    return value;
  });
  const behindZero = (table: Int32Array) => table.map((value) => (value >>> 8) ^ first[value & 255]!);
  const second = behindZero(first);
  const third = behindZero(second);
  const fourth = behindZero(third);
  return (bytes, before = 0) => {
    let crc = ~before;
    let at = 0;
    for (; at + 4 <= bytes.length; at += 4) {
      crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      crc = fourth[crc & 255]! ^ third[(crc >>> 8) & 255]! ^ second[(crc >>> 16) & 255]! ^ first[crc >>> 24]!;
    }
    for (; at < bytes.length; at++) crc = (crc >>> 8) ^ first[(crc ^ bytes[at]!) & 255]!;
    return ~crc >>> 0;
  };
}

/** A checksum in files: eight hexadecimal digits. */
export function hexadecimal(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}
