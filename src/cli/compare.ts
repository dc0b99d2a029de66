/** `mpdnn compare`: errors, sizes and bits of several runs in a table, and a picture of error over size. */

import { Command } from 'commander';
import { userPath } from '../disk/userPath.js';
import { kilobyteDecimals } from '../kilobytes.js';
import type { BitRange, ComparedRun } from '../report/index.js';
import { metrics, metricText } from '../task.js';
import { duration, wordOf } from './progress.js';
import { textTable } from './textTable.js';

interface Options {
  readonly labels?: string;
  readonly out: string;
  readonly json?: boolean;
}

export function compareCommand(): Command {
  return new Command('compare')
    .description('error, sizes, bits and time of finished runs in a table, and a picture of error over size')
    .argument('<run...>', 'run folders')
    .option('--labels <list>', 'names of the runs, in their order, separated by commas')
    .option('--out <dir>', 'folder for the plot', userPath, 'plots')
    .option('--json', 'one JSON object on stdout')
    .action(async (folders: string[], { labels, out, json }: Options) => {
      const { beatenBy, compareRuns, comparisonPlot, writePlot } = await import('../report/index.js');
      const { runs, unfinished } = compareRuns(folders, labels?.split(',') ?? null);
      for (const folder of unfinished) process.stderr.write(`${folder}: has not finished, left out\n`);
      const pictures = await writePlot(comparisonPlot(runs), out, 'comparison');
      const beaten = runs.map((run) => beatenBy(run, runs));
      const text = json
        ? JSON.stringify({ runs: runs.map((run, i) => jsonOf(run, beaten[i] ?? null)), pictures })
        : [tableOf(runs, beaten), '', ...pictures].join('\n');
      process.stdout.write(`${text}\n`);
    });
}

function tableOf(runs: readonly ComparedRun[], beaten: readonly (ComparedRun | null)[]): string {
  const isHeldOut = runs.some(({ validationError }) => validationError !== null);
  const { metric } = runs[0]!;
  const word = wordOf(metric);
  const header = ['', 'run', `test ${word}`, ...(isHeldOut ? [`val ${word}`] : []), 'W kB', 'A kB', 'bits W', 'bits A'];
  const kbytes = (run: ComparedRun, of: 'weightsKbytes' | 'activationsKbytes') =>
    run[of].toFixed(kilobyteDecimals(Math.max(...runs.map((each) => each[of])), 2));
  const rows = runs.map((run, i) => [
    String(i + 1),
    run.name,
    metricText(metric, run.testError),
    ...(isHeldOut ? [run.validationError === null ? '–' : metricText(metric, run.validationError)] : []),
    kbytes(run, 'weightsKbytes'),
    kbytes(run, 'activationsKbytes'),
    bitsText(run.weightBits),
    bitsText(run.activationBits),
    String(run.epochs),
    duration(run.seconds),
    noteOf(run, beaten[i] ? runs.indexOf(beaten[i]) + 1 : 0),
  ]);
  const legend = 'A: largest activation; bits: smallest to largest, mean over the tensors';
  return `${textTable([[...header, 'epochs', 'time', 'note'], ...rows])}\n${legend}`;
}

function bitsText(bits: BitRange | null): string {
  if (bits === null) return 'float';
  const { min, mean, max } = bits;
  return min === max ? String(min) : `${min}–${max}, ${mean.toFixed(1)}`;
}

/** Remarks on a run. `winner`: number from 1 of a run that is better in error and sizes, 0 for none. */
function noteOf({ sameImages, obeysBudget, select, epochs }: ComparedRun, winner: number): string {
  return [
    sameImages ? '' : 'other test images than 1',
    select === 'test' && obeysBudget && epochs > 1 ? 'chosen by test images' : '',
    obeysBudget ? '' : 'outside its budget',
    winner > 0 ? `beaten by ${winner}` : '',
  ]
    .filter(Boolean)
    .join(', ');
}

/** A run as JSON, under the names of summary.json. */
function jsonOf(run: ComparedRun, winner: ComparedRun | null): object {
  const { key, of } = metrics[run.metric];
  return {
    name: run.name,
    run: run.folder,
    [`test_${key}`]: of(run.testError),
    [`val_${key}`]: run.validationError === null ? null : of(run.validationError),
    weights_kb: run.weightsKbytes,
    activations_max_kb: run.activationsKbytes,
    weight_bits: run.weightBits,
    activation_bits: run.activationBits,
    epochs: run.epochs,
    seconds: run.seconds,
    select: run.select,
    obeys_budget: run.obeysBudget,
    same_images: run.sameImages,
    beaten_by: winner?.name ?? null,
  };
}
