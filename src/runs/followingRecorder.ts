/** The recorder of a rank that writes no files: it keeps what the summary of the run needs. */

import type { QuantizerRow, SizesRow } from '../program/quantizerReport.js';
import type { Recorder } from '../train/recorder.js';
import { readQuantizers, readSizes } from './folderTables.js';
import { keptFault } from './keptFault.js';
import type { RunFolder } from './runFolder.js';

/** @param folder that of a resumed run, `null` for a new one */
export function followingRecorder(folder: RunFolder | null): Recorder {
  const sizes: SizesRow[] = [];
  const quantizers: QuantizerRow[] = [];
  return {
    begin: (position) => {
      if (!folder) return;
      sizes.push(...readSizes(folder).filter(({ epoch }) => epoch <= position.epoch));
      quantizers.push(...readQuantizers(folder).filter(({ epoch }) => epoch <= position.epoch));
    },
    step: () => {},
    epoch: ({ epoch, quantizers: report }) => {
      sizes.push({ epoch, ...report.sizes });
      quantizers.push(...report.rows);
    },
    parameters: () => {},
    checkpoint: () => {},
    keptFault,
    sizes: () => sizes,
    quantizers: () => quantizers,
    finish: () => {},
  };
}
