/** Cyclic redundancy checks of 32 bits. */

/** The checksum of bytes, going on from that of the bytes before them. */
type Checksum = (bytes: Uint8Array, before?: number) => number;

/** That of zip and PNG files. */
export const crc32 = checksum(0xedb88320);

/** Castagnoli's, that of TensorBoard's files. */
export const crc32c = checksum(0x82f63b78);

/** @param polynomial with its bits in reverse, as they are shifted */
function checksum(polynomial: number): Checksum {
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    return value;
  });
  return (bytes, before = 0) => {
    let crc = ~before;
    for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 255]!;
    return ~crc >>> 0;
  };
}

/** A checksum as files write it: eight hexadecimal digits. */
export function hexadecimal(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}
