/**
 * Memory as the recorder of a run, and the whole run in one file: its checkpoint, its parameters and what is known of
 * its epochs, so that the run can go on elsewhere and end as if it had never stopped.
 */

import { InputError } from '../errors.js';
import { parseSafetensorsFile, safetensorsFile } from '../weights/checkedSafetensors.js';
import type { NamedTensor } from '../weights/safetensors.js';
import type { EpochReport, Recorder } from './recorder.js';
import type { RunSummary } from './summary.js';

/** Everything known of a run. Files are safetensors files, as bytes. */
export interface RunRecord {
  /** A report an epoch, in order. */
  readonly history: readonly EpochReport[];
  /** `null` before the first epoch that obeys the budget. */
  readonly best: Uint8Array | null;
  /** `null` before the end of the first epoch. */
  readonly last: Uint8Array | null;
  /** `null` before the first one. */
  readonly checkpoint: Uint8Array | null;
  /** `null` before the end. */
  readonly summary: RunSummary | null;
}

export interface MemoryRecorder extends Recorder {
  readonly record: RunRecord;
}

const fresh: RunRecord = { history: [], best: null, last: null, checkpoint: null, summary: null };

/** @param onCheckpoint called with the record at every checkpoint: all that is needed to go on from there */
export function memoryRecorder(begun: RunRecord = fresh, onCheckpoint?: (record: RunRecord) => void): MemoryRecorder {
  let record = begun;
  return {
    get record() {
      return record;
    },
    begin: (position) => {
      record = { ...record, history: record.history.filter(({ epoch }) => epoch <= position.epoch) };
    },
    // Whoever wants these has them told.
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
    sizes: () => record.history.map(({ epoch, quantizers }) => ({ epoch, ...quantizers.sizes })),
    quantizers: () => record.history.flatMap(({ quantizers }) => quantizers.rows),
    finish: (summary) => {
      record = { ...record, summary };
    },
  };
}

const RUN = 'mixed-precision-dnns run';
const VERSION = '1';
const files = ['checkpoint', 'best', 'last'] as const;

/** The bytes of a run that stands at a checkpoint, its summary left out. */
export function runFile(record: RunRecord): Uint8Array {
  const tensors = files.flatMap((name): NamedTensor[] => {
    const data = record[name];
    return data ? [{ name, shape: [data.length], data }] : [];
  });
  return safetensorsFile(tensors, { format: RUN, version: VERSION, history: JSON.stringify(record.history) });
}

/** The run in the bytes of a file called `source`. Throws an `InputError` if they are damaged or something else. */
export function readRunFile(bytes: Uint8Array, source: string): RunRecord & { readonly checkpoint: Uint8Array } {
  const { tensors, metadata } = parseSafetensorsFile(bytes, source);
  if (metadata.format !== RUN) throw new InputError(`${source}: is no checkpoint that the library has made`);
  if (metadata.version !== VERSION) {
    throw new InputError(`${source}: has version ${metadata.version}, this program reads version ${VERSION}`);
  }
  const [checkpoint, best, last] = files.map((name) => {
    const data = tensors.get(name)?.data;
    return data instanceof Uint8Array ? data : null;
  });
  if (!checkpoint) throw new InputError(`${source}: damaged, it lacks the checkpoint`);
  return {
    history: historyOf(metadata.history, source),
    checkpoint,
    best: best ?? null,
    last: last ?? null,
    summary: null,
  };
}

/** As far as it can be told without its numbers: a report an epoch, from the first on. */
function historyOf(json: string | undefined, source: string): EpochReport[] {
  try {
    const reports: EpochReport[] = JSON.parse(json ?? '');
    if (reports.every(({ epoch, quantizers }, index) => epoch === index + 1 && quantizers.sizes)) return reports;
  } catch {}
  throw new InputError(`${source}: damaged, its history is incomplete`);
}
