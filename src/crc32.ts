/** Cyclic redundancy checks of 32 bits. */

/** The checksum of bytes, going on from that of the bytes before them. */
type Checksum = (bytes: Uint8Array, before?: number) => number;

/** That of zip and PNG files. */
export const crc32 = checksum(0xedb88320);

/** Castagnoli's, that of TensorBoard's files. */
export const crc32c = checksum(0x82f63b78);

/**
 * Four bytes at a time ("slicing", M. Kounavis and F. Berry 2005): a table for what a byte does to the checksum when n zero
 * bytes have followed it.
 *
 * @param polynomial with its bits in reverse, as they are shifted
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

/** A checksum as files write it: eight hexadecimal digits. */
export function hexadecimal(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}
