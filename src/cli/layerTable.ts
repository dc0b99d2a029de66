/** The bits and kB of every layer of a run, as text. */

import { type RunFolder, readQuantizers } from '../experiment/index.js';
import { summaryTable } from '../report/summaryTable.js';

/** Empty for a float network. */
export function layerTable(folder: RunFolder): string {
  const rows = readQuantizers(folder);
  const last = rows[rows.length - 1]?.epoch;
  const layers = rows
    .filter((row) => row.epoch === last)
    .map(({ tensor, role, bits }) =>
      role === 'activation' ? { layer: tensor, activationBits: bits } : { layer: tensor, weightBits: bits },
    );
  return layers.length ? summaryTable(layers) : '';
}
