/** Gathers the images of a batch by the batch table, shifts and mirrors them, and normalises their bytes or floats. */

import { unpackAugmentation } from '../data/augmentation.js';
import type { Definition, Operation } from './definition.js';

/** Value v of channel c becomes v·scale[c] + offset[c]. */
export interface Normalization {
  readonly scale: readonly number[];
  readonly offset: readonly number[];
}

const signature = {
  /**
   * `batchTable`: for each of T batches the image indices, and their augmentation as packed by `data/`; image −1 fills
   * up an incomplete batch. `position`: index of the batch.
   */
  operands: {
    images: 'uint8|float [N,H,W,C]',
    labels: 'int32 [N]',
    batchTable: 'int32 [T,B,2]',
    position: 'int32 [1]',
  },
  /** Zero outside of the images and for image −1, whose label is −1. */
  results: { x: '[B,H,W,C]', y: 'int32 [B]' },
} as const;

export type GatherBatch = Operation<typeof signature, Normalization>;

export const gatherBatchDefinition: Definition<GatherBatch> = {
  op: 'gatherBatch',
  ...signature,
  check: ({ scale, offset }, { C }) =>
    scale.length === C && offset.length === C
      ? null
      : `${scale.length} scales and ${offset.length} offsets, right would be ${C} each`,
  gradient: 'none',
  readsInPart: { images: 'x', labels: 'y', batchTable: 'y' },
  compute: ({ images, labels, batchTable, position }, { x, y }, { scale, offset }, { B, H, W, C }) => {
    const step = position[0]!;
    x.fill(0);
    for (let n = 0; n < B; n++) {
      const entry = 2 * (step * B + n);
      const image = batchTable[entry]!;
      y[n] = image < 0 ? -1 : labels[image]!;
      if (image < 0) continue;
      const { dy, dx, mirror } = unpackAugmentation(batchTable[entry + 1]!);
      for (let h = 0; h < H; h++) {
        for (let w = 0; w < W; w++) {
          const row = h + dy;
          const shifted = w + dx;
          if (row < 0 || row >= H || shifted < 0 || shifted >= W) continue;
          const column = mirror ? W - 1 - shifted : shifted;
          const from = ((image * H + row) * W + column) * C;
          const to = ((n * H + h) * W + w) * C;
          for (let c = 0; c < C; c++) x[to + c] = images[from + c]! * scale[c]! + offset[c]!;
        }
      }
    }
  },
};
