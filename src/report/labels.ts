/** Texts of the plots: short names of runs and layers, and a run's final numbers in one line. */
import { resolve, sep } from 'node:path';
import { shortKilobytes } from '../kilobytes.js';
import { evaluatedOn } from '../selection.js';
import { metrics, namedMetric } from '../task.js';
import { textWidth } from './fontMetrics.js';
import type { RunRecord } from './runRecord.js';
import { LABEL_SIZE, RUN_COLORS } from './theme.js';

/** Names of the runs, numbered if folders have the same name. */
export function displayNames(runs: readonly RunRecord[]): string[] {
  return runs.map((run, i) => {
    const sameBefore = runs.slice(0, i).filter((other) => other.name === run.name).length;
    return sameBefore === 0 ? run.name : `${run.name} (${sameBefore + 1})`;
  });
}

/**
 * Names of folders: as many last parts of their paths as tell them apart, without a common end.
 *
 * @example distinctNames(['sweep/rate-0.1/FLOAT', 'sweep/rate-0.2/FLOAT']) // ['rate-0.1', 'rate-0.2']
 */
export function distinctNames(folders: readonly string[]): string[] {
  const paths = folders.map((folder) => resolve(folder).split(sep));
  const [first = []] = paths;
  const different = new Set(paths.map((path) => path.join('/'))).size;
  if (different <= 1) return paths.map((path) => path.at(-1) ?? '');
  const shortest = Math.min(...paths.map((path) => path.length));
  let shared = 0;
  while (shared < shortest - 1 && paths.every((path) => path.at(-1 - shared) === first.at(-1 - shared))) shared++;
  for (let parts = 1; ; parts++) {
    const names = paths.map((path) =>
      path
        .slice(0, path.length - shared)
        .slice(-parts)
        .join('/'),
    );
    if (new Set(names).size === different) return names;
  }
}

/** Two lines under a run's title: its name, and its results at {@link shownEpoch}. */
export function headline(run: RunRecord): string[] {
  const epoch = shownEpoch(run);
  const accuracy = run.evaluationMetric.find((point) => point.epoch === epoch);
  const size = run.sizes.find((row) => row.epoch === epoch);
  const numbers: string[] = [];
  if (accuracy !== undefined) {
    const best = typeof run.bestEpoch === 'number' && run.select !== 'last' ? 'best ' : '';
    numbers.push(`${best}${evaluatedOn(run.select)} ${metricWords(run.metric, accuracy.value)} (epoch ${epoch})`);
  }
  if (size !== undefined) {
    numbers.push(`weights ${kbytes(size.weightsKbytes)}`);
    numbers.push(`activations ${kbytes(size.activationsMaxKbytes)} max, ${kbytes(size.activationsSumKbytes)} sum`);
  }
  const lines = numbers.length === 0 ? [run.name] : [run.name, numbers.join(' · ')];
  return run.bestEpoch === null ? [...lines, 'no epoch obeyed the budget'] : lines;
}

/** The metric in words. `value`: a point of the curve, which for classes is an accuracy. */
function metricWords(metric: RunRecord['metric'], value: number): string {
  const { title, inPercent, of } = metrics[metric];
  if (metric === 'error') return `${title} ${(100 - value).toFixed(2)} %`;
  return namedMetric(metric, of(inPercent ? value / 100 : value));
}

/** The images that the runs' evaluations use: `test`, `validation`, or both if the runs differ. */
export function allEvaluatedOn(runs: readonly RunRecord[]): string {
  return [...new Set(runs.map((run) => evaluatedOn(run.select)))].sort().join(' or ');
}

/** The epoch that represents a run: the chosen one, or its last if none is chosen (yet). */
export function shownEpoch(run: RunRecord): number | undefined {
  return run.bestEpoch ?? run.sizes.at(-1)?.epoch ?? run.quantizers.at(-1)?.epoch;
}

/** kB with their unit; a configured number (`exact`) as written: 70 kB. */
export function kbytes(value: number, exact = false): string {
  return `${exact ? Number(value.toPrecision(6)) : shortKilobytes(value)} kB`;
}

/** A rise of the loss with a sign and so many significant digits, such as +1.4, +0.031 and −2.0e−4 with two. */
export function riseText(rise: number, digits: number): string {
  const size = Math.abs(rise);
  if (size === 0) return '0';
  const sign = rise < 0 ? '−' : '+';
  if (size < 0.001) return `${sign}${size.toExponential(digits - 1).replace('-', '−')}`;
  return `${sign}${size < 10 ** (digits - 1) ? size.toPrecision(digits) : size.toFixed(0)}`;
}

/** Breaks a name at `_`, `-`, `/` and spaces into lines of at most `width` pixels, if its parts allow that. */
export function wrapName(name: string, width: number, fontSize: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const part of name.match(/[^_\-/ ]*[_\-/ ]*/g) ?? []) {
    if (line !== '' && textWidth(line + part, fontSize, 'bold') > width) {
      lines.push(line);
      line = '';
    }
    line += part;
  }
  if (line !== '') lines.push(line);
  return lines.length === 0 ? [name] : lines;
}

/** The runs' colours, with a legend above the plot in as many columns as fit into `width` pixels. */
export function runColor(names: readonly string[], width: number): Record<string, unknown> {
  const widest = Math.max(...names.map((name) => textWidth(name, LABEL_SIZE)));
  const columns = Math.max(1, Math.min(names.length, Math.floor(width / (widest + 40))));
  return {
    field: 'run',
    type: 'nominal',
    scale:
      names.length <= RUN_COLORS.length
        ? { domain: names, range: RUN_COLORS.slice(0, names.length) }
        : { domain: names, scheme: 'turbo' },
    legend: {
      title: null,
      orient: 'top',
      direction: 'horizontal',
      columns,
      symbolType: 'stroke',
      symbolSize: 220,
      offset: 12,
    },
  };
}
