/**
 * A recorder in memory, and a whole run in one file: checkpoint, parameters and reports of its epochs, so that the run
 * can be resumed elsewhere and end as if it had never stopped.
 */

import type { Settings } from '../settings/settingRules.js';
import { safetensorsFile } from '../weights/checkedSafetensors.js';
import type { NamedTensor } from '../weights/safetensors.js';
import type { DataDescription } from './dataDescription.js';
import type { EpochReport, Recorder } from './recorder.js';
import type { RunSummary } from './summary.js';

/** What a run that is resumed is compared by. */
export interface RunIdentity {
  readonly settings: Readonly<Partial<Settings>>;
  readonly data: DataDescription;
}

/** Everything known of a run. Files are safetensors files, as bytes. */
export interface RunRecord {
  /** One report an epoch, in order. */
  readonly history: readonly EpochReport[];
  /** `null` until an epoch obeys the budget. */
  readonly best: Uint8Array | null;
  /** `null` until the first epoch has ended. */
  readonly last: Uint8Array | null;
  /** `null` until the first one. */
  readonly checkpoint: Uint8Array | null;
  /** `null` until the run has ended. */
  readonly summary: RunSummary | null;
  /** `null` in files of earlier versions. */
  readonly identity: RunIdentity | null;
}

export interface MemoryRecorder extends Recorder {
  readonly record: RunRecord;
}

/** A run before its first step. */
export const freshRun: RunRecord = {
  ...{ history: [], best: null, last: null, checkpoint: null, summary: null, identity: null },
};

/**
 * A recorder that keeps everything in memory.
 *
 * @param begun the run so far
 * @param onCheckpoint called with the record at every checkpoint, which suffices to resume
 */
export function memoryRecorder(begun: RunRecord, onCheckpoint?: (record: RunRecord) => void): MemoryRecorder {
  let record = begun;
  return {
    get record() {
      return record;
    },
    begin: (position) => {
      record = { ...record, history: record.history.filter(({ epoch }) => epoch <= position.epoch) };
    },
    // Callers who want these pass a callback.
    step: () => {},
    epoch: (report) => {
      record = { ...record, history: [...record.history, report] };
    },
    parameters: (which, file) => {
      record = { ...record, [which]: file };
    },
    checkpoint: (file) => {
      record = { ...record, checkpoint: file };
      onCheckpoint?.(record);
    },
    keptFault: (fault) =>
      onCheckpoint ? new Error(`${fault.message}; resume goes on with the last checkpoint`, { cause: fault }) : fault,
    sizes: () => record.history.map(({ epoch, quantizers }) => ({ epoch, ...quantizers.sizes })),
    quantizers: () => record.history.flatMap(({ quantizers }) => quantizers.rows),
    finish: (summary) => {
      record = { ...record, summary };
    },
  };
}

export const runFormat = 'mixed-precision-dnns run';
export const runVersion = '1';
/** The files in the file of a run. */
export const runFiles = ['checkpoint', 'best', 'last'] as const;

/** The bytes of a run at a checkpoint, without its summary. */
export function runFile(record: RunRecord): Uint8Array {
  const tensors = runFiles.flatMap((name): NamedTensor[] => {
    const data = record[name];
    return data ? [{ name, shape: [data.length], data }] : [];
  });
  return safetensorsFile(tensors, {
    ...{ format: runFormat, version: runVersion },
    ...{ history: JSON.stringify(record.history), identity: JSON.stringify(record.identity) },
  });
}
