/**
 * A recorder in memory, and a whole run in one file: checkpoint, parameters and reports of its epochs, so that the run
 * can be resumed elsewhere and end as if it had never stopped.
 */

import { InputError } from '../errors.js';
import { parseSafetensorsFile, safetensorsFile } from '../weights/checkedSafetensors.js';
import type { NamedTensor } from '../weights/safetensors.js';
import type { EpochReport, Recorder } from './recorder.js';
import type { RunSummary } from './summary.js';

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
}

export interface MemoryRecorder extends Recorder {
  readonly record: RunRecord;
}

const fresh: RunRecord = { history: [], best: null, last: null, checkpoint: null, summary: null };

/**
 * A recorder that keeps everything in memory.
 *
 * @param onCheckpoint called with the record at every checkpoint, which suffices to resume
 */
export function memoryRecorder(begun: RunRecord = fresh, onCheckpoint?: (record: RunRecord) => void): MemoryRecorder {
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

/** The bytes of a run at a checkpoint, without its summary. */
export function runFile(record: RunRecord): Uint8Array {
  const tensors = files.flatMap((name): NamedTensor[] => {
    const data = record[name];
    return data ? [{ name, shape: [data.length], data }] : [];
  });
  return safetensorsFile(tensors, { format: RUN, version: VERSION, history: JSON.stringify(record.history) });
}

/**
 * The run in the bytes of a file called `source`.
 *
 * @throws InputError if they are damaged or something else
 */
export function readRunFile(
  bytes: Uint8Array | ArrayBuffer,
  source: string,
): RunRecord & { readonly checkpoint: Uint8Array } {
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

/** The reports in a JSON text, checked for one report an epoch, from the first. */
function historyOf(json: string | undefined, source: string): EpochReport[] {
  try {
    const reports: EpochReport[] = JSON.parse(json ?? '');
    if (reports.every(({ epoch, quantizers }, index) => epoch === index + 1 && quantizers.sizes)) return reports;
  } catch {}
  throw new InputError(`${source}: damaged, its history is incomplete`);
}
