/** The runs to watch: all in some folders, listed again at each request, since runs may begin at any time. */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { InputError } from '../errors.js';
import { distinctNames } from '../report/labels.js';
import { isRunFolder, openRunFolder, type RunFolder, readResults, readSizes, readSummary } from '../runs/index.js';
import { isLocked } from '../runs/lock.js';
import { evaluatedOn, selectionOf } from '../selection.js';
import type { FaultyRun, RunOverview } from './messages.js';

/** @throws InputError for a folder that is no run folder and has none in it */
export function checkFolders(folders: readonly string[]): void {
  for (const folder of folders) {
    if (runsIn(folder).length > 0) continue;
    if (existsSync(folder)) throw new InputError(`${folder}: is no run folder, and none lies in it`);
    openRunFolder(folder);
  }
}

/** The run folders among some folders and directly in them, by names that tell them apart. */
export function findRuns(folders: readonly string[]): ReadonlyMap<string, string> {
  const roots = [...new Set(folders.flatMap(runsIn))];
  const names = distinctNames(roots);
  return new Map(roots.map((root, index) => [names[index]!, root]));
}

function runsIn(folder: string): string[] {
  if (isRunFolder(folder)) return [resolve(folder)];
  try {
    const inside = readdirSync(folder).filter((name) => !name.startsWith('.'));
    return inside.map((name) => resolve(folder, name)).filter(isRunFolder);
  } catch {
    return [];
  }
}

/** Makes a function that gives the overview of a run, and reads its tables only if they have changed. */
export function overviewReader(): (name: string, root: string) => RunOverview | FaultyRun {
  const known = new Map<string, { readonly signature: string; readonly overview: RunOverview | FaultyRun }>();
  return (name, root) => {
    const files = ['config.json', 'results.csv', 'sizes.csv', 'summary.json'].map((file) => {
      const stat = statSync(join(root, file), { throwIfNoEntry: false });
      return stat && [stat.mtimeMs, stat.size, stat.ino];
    });
    const signature = JSON.stringify([name, isLocked(root), files]);
    const before = known.get(root);
    if (before?.signature === signature) return before.overview;
    const overview = readOrFault(name, root);
    known.set(root, { signature, overview });
    return overview;
  };
}

function readOrFault(name: string, root: string): RunOverview | FaultyRun {
  try {
    return readOverview(name, root);
  } catch (error) {
    return { name, fault: (error as Error).message };
  }
}

/** @throws InputError for a folder that is no run, or whose files are damaged */
export function readOverview(name: string, root: string): RunOverview {
  const { folder, config } = openRunFolder(root);
  const results = readResults(folder);
  const isFinished = existsSync(folder.summary);
  return {
    name,
    state: isLocked(root) ? 'training' : isFinished ? 'finished' : 'stopped',
    writtenMs: statSync(folder.results).mtimeMs,
    epochs: results.length,
    metric: folder.task.metric,
    evaluatedOn: evaluatedOn(selectionOf(config.settings)),
    outcome: outcomeOf(folder, results, isFinished),
  };
}

function outcomeOf(
  folder: RunFolder,
  results: ReturnType<typeof readResults>,
  isFinished: boolean,
): RunOverview['outcome'] {
  const best = isFinished ? readSummary(folder).best_epoch : null;
  const epoch = best ?? results.length;
  const [row, size] = [results[epoch - 1], readSizes(folder)[epoch - 1]];
  if (!row || !size) return null;
  const { weights_kb, activations_max_kb } = size;
  return { epoch, error: row.val_err, weights_kb, activations_max_kb };
}
