/**
 * The bits of every tensor over the epochs as a PNG picture: one row a tensor, one column an epoch, one colour a number
 * of bits.
 */

import { deflateSync } from 'node:zlib';
import { crc32 } from '../crc32.js';
import { bitColors, colorIndex } from '../live/bitColors.js';

export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly png: Uint8Array;
}

const ROW = 8;
const WIDTH = 640;

/** @param epochs bits of every tensor, epoch by epoch; at least one of each */
export function bitPicture(epochs: readonly (readonly number[])[]): Picture {
  const tensors = epochs[0]!.length;
  const column = Math.max(1, Math.floor(WIDTH / epochs.length));
  const [width, height] = [column * epochs.length, ROW * tensors];
  // Each line begins with its filter, 0 for none; a pixel is an index into the palette.
  const lines = new Uint8Array(height * (width + 1));
  for (let y = 0; y < height; y++) {
    const tensor = Math.floor(y / ROW);
    for (let x = 0; x < width; x++) {
      lines[y * (width + 1) + 1 + x] = colorIndex(epochs[Math.floor(x / column)]![tensor]!);
    }
  }
  return { width, height, png: pngFile(width, height, lines) };
}

function pngFile(width: number, height: number, lines: Uint8Array): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  // Eight bits a pixel, with a palette.
  header.set([8, 3], 8);
  const palette = bitColors.flatMap((color) => [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16)));
  return Buffer.concat([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk('IHDR', header),
    chunk('PLTE', Uint8Array.from(palette)),
    chunk('IDAT', deflateSync(lines)),
    chunk('IEND', new Uint8Array()),
  ]);
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = Buffer.concat([new Uint8Array(4), Buffer.from(type, 'latin1'), data, new Uint8Array(4)]);
  bytes.writeUInt32BE(data.length, 0);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, -4)), bytes.length - 4);
  return bytes;
}
