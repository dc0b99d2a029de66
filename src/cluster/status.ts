/** The state of the runs of a folder, from their run folders and the queue. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../errors.js';
import { isRunFolder, openRunFolder, readResults, readSummary } from '../runs/index.js';
import { isLocked } from '../runs/lock.js';
import { faultOf } from '../runs/plan/standing.js';
import type { MetricName } from '../task.js';
import { type JobRecord, logPath, readRecords } from './jobFolder.js';
import type { QueuedJob } from './slurm.js';

export interface RunStatus {
  /** The path of its folder below `out`. */
  readonly run: string;
  readonly state: 'finished' | 'failed' | 'queued' | 'running' | 'cancelled' | 'stopped' | 'unfinished' | 'damaged';
  /** A remark on the state: the reason for waiting or failing, or what is damaged. */
  readonly note: string;
  readonly epochs: { readonly done: number; readonly all: number } | null;
  /** Error of a finished run's selected parameters on the images that selected them. */
  readonly error: number | null;
  /** The metric of the error. */
  readonly metric: MetricName | null;
  /** The id of the last job sent for it. */
  readonly job: string | null;
}

/**
 * The runs in `out` and those sent for it, sorted by name. `queued` is called only if a sent run has not ended.
 *
 * @throws InputError if there is no run in `out`
 */
export function runStatuses(out: string, queued: () => ReadonlyMap<string, QueuedJob>): RunStatus[] {
  const records = readRecords(out);
  const names = [...new Set([...runFolders(out), ...records.keys()])].sort();
  if (names.length === 0) {
    const why = isRunFolder(out)
      ? 'is a run folder; give the folder in which it lies'
      : 'has no run folders, and no jobs were sent for it';
    throw new InputError(`${out}: ${why}`);
  }
  const ended = new Map(names.map((name) => [name, endOf(out, name)]));
  const isOpen = [...records.keys()].some((name) => ended.get(name) === null);
  const queue = isOpen ? queued() : new Map<string, QueuedJob>();
  return names.map((run): RunStatus => {
    const record = records.get(run) ?? null;
    const place = join(out, run);
    const state = ended.get(run) ?? openState(out, run, record, queue, (of) => ended.get(of)?.state ?? null);
    return { run, ...state, ...progressOf(place), job: record?.job ?? null };
  });
}

type State = Pick<RunStatus, 'state' | 'note'>;

/** The final state of a run that has ended by itself, else `null`. */
function endOf(out: string, run: string): State | null {
  const root = join(out, run);
  if (existsSync(join(root, 'summary.json')) || existsSync(join(root, 'report.md')))
    return { state: 'finished', note: '' };
  const fault = existsSync(root) ? faultOf(root) : null;
  return fault === null ? null : { state: 'failed', note: fault };
}

function openState(
  out: string,
  run: string,
  record: JobRecord | null,
  queue: ReadonlyMap<string, QueuedJob>,
  endOfRun: (run: string) => RunStatus['state'] | null,
): State {
  const job = record && queue.get(record.job);
  if (job?.state === 'PENDING') return { state: 'queued', note: job.reason };
  if (job || isLocked(join(out, run))) return { state: 'running', note: '' };
  if (record === null) return { state: 'unfinished', note: 'no process trains it' };
  const { startsFrom, learnsFrom } = record;
  const isBegun = existsSync(join(out, run));
  const lost = [startsFrom, learnsFrom].find((other) => other !== null && endOfRun(other) !== 'finished');
  if (!isBegun && lost) {
    return { state: 'cancelled', note: `${lost} gave it nothing to ${lost === startsFrom ? 'start' : 'learn'} from` };
  }
  const log = logPath(out, run);
  const words = existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n').at(-1) : undefined;
  return { state: 'stopped', note: words ? `${log}: ${words}` : 'its job ended without a word' };
}

/** Epochs and result by the files of a run, or what of them cannot be read: one such run does not hide the others. */
function progressOf(root: string): Pick<RunStatus, 'epochs' | 'error' | 'metric'> & Partial<State> {
  const none = { epochs: null, error: null, metric: null };
  if (!isRunFolder(root)) return none;
  try {
    const { folder, config } = openRunFolder(root);
    const epochs = { done: readResults(folder).length, all: Number(config.settings.epochs) };
    if (!existsSync(join(root, 'summary.json'))) return { ...none, epochs };
    const { best_val_err, last_val_err } = readSummary(folder);
    return { epochs, error: best_val_err ?? last_val_err, metric: folder.task.metric };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { ...none, state: 'damaged', note: error.message };
  }
}

/** The paths of run folders in `out`, and in its folders of seeds. */
function runFolders(out: string): string[] {
  const below = (folder: string): string[] =>
    existsSync(join(out, folder))
      ? readdirSync(join(out, folder), { withFileTypes: true })
          .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
          .map(({ name }) => (folder === '' ? name : `${folder}/${name}`))
      : [];
  return below('')
    .flatMap((name) => (/^seed-\d+$/.test(name) ? below(name) : [name]))
    .filter((name) => isRunFolder(join(out, name)));
}
