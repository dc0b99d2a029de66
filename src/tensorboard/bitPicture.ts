/**
 * The bits of every tensor over the epochs as a PNG picture: one row a tensor, one column an epoch, one colour a number
 * of bits.
 */

import { png } from '../disk/png.js';
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
  const colors = Uint8Array.from({ length: height * width }, (_, at) => {
    const [tensor, epoch] = [Math.floor(at / width / ROW), Math.floor((at % width) / column)];
    return colorIndex(epochs[epoch]![tensor]!);
  });
  return { width, height, png: png(colors, [height, width, 1], bitColors) };
}
