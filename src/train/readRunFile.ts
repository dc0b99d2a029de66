/** Reading the file of a whole run, which `memoryRecorder` makes. */

import { InputError } from '../errors.js';
import { parseSafetensorsFile } from '../weights/checkedSafetensors.js';
import { type RunIdentity, type RunRecord, runFiles, runFormat, runVersion } from './memoryRecorder.js';
import type { EpochReport } from './recorder.js';

/** A run that has reached a checkpoint. */
export type BegunRun = RunRecord & { readonly checkpoint: Uint8Array };

/**
 * The run in the bytes of a file called `source`.
 *
 * @throws InputError if they are damaged or something else
 */
export function readRunFile(bytes: Uint8Array | ArrayBuffer, source: string): BegunRun {
  const { tensors, metadata } = parseSafetensorsFile(bytes, source);
  if (metadata.format !== runFormat) throw new InputError(`${source}: is no checkpoint that the library has made`);
  if (metadata.version !== runVersion) {
    throw new InputError(`${source}: has version ${metadata.version}, this program reads version ${runVersion}`);
  }
  const [checkpoint, best, last] = runFiles.map((name) => {
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
    identity: identityOf(metadata.identity, source),
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

/** What the run is compared by; `null` where the file has nothing of it. */
function identityOf(json: string | undefined, source: string): RunIdentity | null {
  if (json === undefined) return null;
  try {
    const identity: RunIdentity | null = JSON.parse(json);
    if (identity === null) return null;
    const { classes, image, scale, offset, fingerprints } = identity.data;
    if ([classes, image, scale, offset].every(Array.isArray) && identity.settings && fingerprints) return identity;
  } catch {}
  throw new InputError(`${source}: damaged, it lacks what the run began with`);
}
