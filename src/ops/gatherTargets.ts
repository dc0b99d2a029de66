/** Gathers the targets of a batch by the batch table: numbers or class indices, several an input. */

import type { NoAttributes } from './attributes.js';
import type { Definition, Operation } from './definition.js';

const signature = {
  /** `batchTable` and `position`: as in `gatherBatch`. */
  operands: { targets: 'int32|float [N,...S]', batchTable: 'int32 [T,B,2]', position: 'int32 [1]' },
  /** Targets of the batch, in the targets' type; −1 for image −1, which fills up an incomplete batch. */
  results: { y: 'int32|float [B,...S]' },
} as const;

export type GatherTargets = Operation<typeof signature, NoAttributes>;

export const gatherTargetsDefinition: Definition<GatherTargets> = {
  op: 'gatherTargets',
  ...signature,
  gradient: 'none',
  readsInPart: { targets: 'y', batchTable: 'y' },
  compute: ({ targets, batchTable, position }, { y }, _attributes, { B, S }) => {
    for (let n = 0; n < B; n++) {
      const image = batchTable[2 * (position[0]! * B + n)]!;
      for (let i = 0; i < S; i++) y[n * S + i] = image < 0 ? -1 : targets[image * S + i]!;
    }
  },
};
