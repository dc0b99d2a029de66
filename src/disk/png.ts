/** Lossless PNG files with eight bits a value, which other programs read exactly. */

import { deflateSync } from 'node:zlib';
import { crc32 } from '../crc32.js';

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const colourTypes = { 1: 0, 3: 2 } as const;
const indexed = 3;

/**
 * The PNG of an image [height, width, channels], grey or RGB; with a palette, colours like `#7fcdbb`, its one channel has
 * their indices.
 */
export function png(
  image: Uint8Array,
  [height, width, channels]: readonly [number, number, 1 | 3],
  palette: readonly string[] | null = null,
): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, palette ? indexed : colourTypes[channels]], 8);
  const length = width * channels;
  // Each row begins with its filter: none.
  const rows = Array.from({ length: height }, (_, y) => [
    new Uint8Array(1),
    image.subarray(y * length, (y + 1) * length),
  ]);
  const pixels = deflateSync(Buffer.concat(rows.flat()));
  return Buffer.concat([
    Buffer.from(signature),
    chunk('IHDR', header),
    ...(palette ? [chunk('PLTE', Buffer.from(palette.map((colour) => colour.slice(1)).join(''), 'hex'))] : []),
    chunk('IDAT', pixels),
    chunk('IEND', new Uint8Array()),
  ]);
}

function chunk(type: string, content: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type), content]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}
