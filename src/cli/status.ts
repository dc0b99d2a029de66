/** `mpdnn status`: the state of all runs of a folder, local or on a cluster. */

import { Command } from 'commander';
import { queuedJobs, type RunStatus, runStatuses } from '../cluster/index.js';
import { userPath } from '../disk/userPath.js';
import { type MetricName, metricText, namedMetric } from '../task.js';
import { textTable } from './textTable.js';

export function statusCommand(): Command {
  return new Command('status')
    .description('progress of the runs of a folder, also of those on a cluster')
    .argument('[folder]', 'folder of the run folders', 'experiments')
    .option('--json', 'one JSON array on stdout')
    .action((folder: string, { json }: { json?: boolean }) => {
      const runs = runStatuses(userPath(folder), queuedJobs);
      process.stdout.write(json ? `${JSON.stringify(runs)}\n` : `${statusTable(runs)}\n`);
    });
}

/** The error of the column of that name; other metrics say theirs. */
function errorText(metric: MetricName, error: number): string {
  return metric === 'error' ? metricText(metric, error) : namedMetric(metric, error);
}

function statusTable(runs: readonly RunStatus[]): string {
  const lines = runs.map(({ run, state, note, epochs, error, metric, job }) => [
    run,
    state,
    epochs === null ? '–' : `${epochs.done}/${epochs.all}`,
    error === null || metric === null ? '–' : errorText(metric, error),
    job ?? '–',
    note,
  ]);
  const counts = new Map<string, number>();
  for (const { state } of runs) counts.set(state, (counts.get(state) ?? 0) + 1);
  const summary = [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
  return `${textTable([['run', 'state', 'epochs', 'error', 'job', ''], ...lines])}\n${summary}`;
}
