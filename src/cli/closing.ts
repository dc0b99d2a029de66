/**
 * The last lines of a training: its result, the gain beside the network that it started from, and commands to go on
 * with.
 */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Images, parseDataSpec } from '../data/index.js';
import { evaluateDeployed } from '../deploy/deployedEvaluation.js';
import { openTrained } from '../deploy/trainedNetwork.js';
import { InputError } from '../errors.js';
import { shortKilobytes } from '../kilobytes.js';
import type { Variables } from '../nn/index.js';
import { type BitRange, type ComparedRun, compareRuns } from '../report/comparison.js';
import { trainedExperiment } from '../runs/evaluationData.js';
import { openRunFolder } from '../runs/index.js';
import type { RunEvents } from '../runs/runEvents.js';
import { commandWords, programName, quantizes } from '../settings/index.js';
import { multiplications } from '../ship/integerNetwork.js';
import { formsOf, type Shippable, usualForms } from '../ship/shippable.js';
import { type MetricName, metrics, metricText, namedMetric, type Task } from '../task.js';
import type { RunSummary } from '../train/summary.js';
import { duration } from './progress.js';
import { textTable } from './textTable.js';

/** The errors of the chosen and of the last epoch, and the time taken. `place`: the run folder to name at the end. */
export function resultLine(summary: RunSummary, place: string, { metric }: Task): string {
  const { last_val_err, last_test_err, select, best_epoch, epochs } = summary;
  const error = `${metricText(metric, last_val_err)}${testedText(summary, last_test_err, metric)}`;
  const last = select === 'last' ? `${error} in epoch ${epochs}` : `last ${error}`;
  const keepsLast = select === 'last' && best_epoch === epochs;
  return `${chosenText(summary, metric)}${keepsLast ? '' : `, ${last}`}; ${epochs} ${epochs === 1 ? 'epoch' : 'epochs'} in ${duration(summary.seconds)}, ${summary.images_per_second.toFixed(0)} img/s; see ${place}`;
}

/** The metric of the parameters that are kept, and their epoch. */
function chosenText(summary: RunSummary, metric: MetricName): string {
  const { best_val_err, best_epoch, best_test_err, select, epochs } = summary;
  if (best_val_err === null) return 'no epoch obeyed the budget';
  const error = namedMetric(metric, best_val_err);
  if (select !== 'last')
    return `best ${select} ${error}${testedText(summary, best_test_err, metric)} in epoch ${best_epoch}`;
  return `test ${error} in epoch ${best_epoch}, the last one${best_epoch === epochs ? '' : ' inside the budget'}`;
}

/** The metric on the test images, where others choose. */
function testedText({ select }: RunSummary, error: number | null, metric: MetricName): string {
  return select === 'validation' && error !== null ? ` (on the test images ${metricText(metric, error)})` : '';
}

/** Layers with pruned channels and how many channels each has left, in words; empty without pruning. */
export function channelsLine({ channelGroups, remains }: Variables): string {
  const thinned = channelGroups.flatMap(({ layer, channels }, group) => {
    const left = remains ? remains.channels[group]!.length : channels;
    return left < channels ? [`${layer} ${left} of ${channels}`] : [];
  });
  return thinned.length > 0 ? `channels left: ${thinned.join(', ')}` : '';
}

/** Multiplications for which each thread may evaluate the integer network at the end of a run: some 15 seconds. */
const deployedMacs = 5e11;

/** What is known of a run's integer network. */
export interface Deployment {
  /** Its error on the test images, or why there is none, in words; may be empty. */
  readonly line: string;
  /** The forms in which it can be exported; none if there is no such network. */
  readonly forms: Shippable['forms'];
}

/**
 * The integer network of a run: its error on the test images, or the reason why a quantized run has none, or the call
 * that evaluates it, where that would take long or the signal came first.
 */
export async function deployment(
  root: string,
  test: Images,
  { best_epoch }: RunSummary,
  {
    threads,
    signal,
    task,
  }: { readonly threads: number; readonly signal: AbortSignal; readonly task: RunEvents['task'] },
): Promise<Deployment> {
  const experiment = trainedExperiment(openRunFolder(root), {});
  if (!quantizes('w_quantize', experiment.settings, experiment.layers)) return { line: '', forms: [] };
  const isLast = best_epoch === null;
  const call = `${programName()} ${commandWords(['eval', root, '--deployed', ...(isLast ? ['--last'] : [])])}`;
  const progressOf = (name: string) => (done: number, total: number) => task(name, done, total);
  const trained = await openTrained(root, isLast, progressOf('proving the integers')).catch((error: Error) => {
    if (error instanceof InputError) return error;
    throw error;
  });
  if (trained instanceof InputError) {
    const isMeant = quantizes('a_quantize', experiment.settings, experiment.layers);
    return { line: isMeant ? `no integers for a device: ${trained.message}` : '', forms: [] };
  }
  const { network } = trained.lowered;
  const { forms } = formsOf(network);
  if (multiplications(network) * test.count > deployedMacs * threads) {
    return { line: `in integers, as a device computes: takes minutes, ${call}`, forms };
  }
  const onProgress = progressOf('in integers, as a device computes');
  const evaluation = await evaluateDeployed(trained, test, { threads, signal, onProgress }).catch((error) => {
    if (signal.aborted) return null;
    throw error;
  });
  const line = evaluation
    ? `in integers, as a device computes: test ${namedMetric(experiment.task.metric, evaluation.error)}`
    : `interrupted after the end of the run, without its error in integers: ${call}`;
  return { line, forms };
}

/**
 * A note that the result of a run cannot be compared with that of the run that it started from, and why; empty if it can,
 * or if it started from none.
 */
export function startNote(root: string): string {
  const start = startingRun(root);
  const fault = start === null ? null : comparison([start]).fault;
  return fault === null ? '' : `NOTE: the result cannot be compared with that of ${start}: ${fault}`;
}

/**
 * A table of sizes, bits and error beside those of the run that it started from, if any, and the commands to go on
 * with: of the last parameters, if no epoch obeyed the budget. `forms`: those in which the run can be exported.
 */
export function outlook(root: string, { best_epoch }: RunSummary, forms: Deployment['forms']): string {
  const start = startingRun(root);
  const { runs, fault } = start === null ? { runs: [], fault: null } : comparison([start, root]);
  const before = fault === null && start !== null ? [start] : [];
  const call = (words: readonly string[]) => `${programName()} ${commandWords(words)}`;
  const last = best_epoch === null ? ['--last'] : [];
  const next = [
    ['predict', `${call(['predict', root, ...last])} ${inputWord(root)}`],
    ...(forms.length > 0 ? [['export', call(['export', root, ...last, ...chosenForms(forms)])]] : []),
    ...before.map((start) => ['compare', call(['compare', start, root])]),
    ['plot', call(['plot', ...before, root])],
  ];
  return [
    ...(fault === null ? gained(runs) : [`not compared with ${start}: ${fault}`]),
    'next:',
    textTable(next.map(([what = '', command = '']) => [`  ${what}`, command])),
  ].join('\n');
}

/** The option that names the forms of an export, unless they are the usual ones. */
function chosenForms(forms: Deployment['forms']): string[] {
  return forms.length < usualForms.length ? ['--to', forms.join()] : [];
}

/** Finished runs with their numbers, or the reason why they cannot be compared. */
function comparison(roots: readonly string[]): {
  readonly runs: readonly ComparedRun[];
  readonly fault: string | null;
} {
  try {
    return { runs: compareRuns(roots).runs, fault: null };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { runs: [], fault: error.message };
  }
}

/** The placeholder for an input of `mpdnn predict`, by the kind of the run's data. */
function inputWord(root: string): string {
  const { kind } = parseDataSpec(String(openRunFolder(root).config.settings.data));
  switch (kind) {
    case 'arrays':
      return 'FILE.npy';
    case 'csv':
      return 'FILE.csv';
    case 'wav':
      return 'FILE.wav';
    case 'cifar10':
    case 'cifar100':
    case 'mnist':
    case 'images':
    case 'synthetic':
      return 'IMAGE';
    default:
      return kind satisfies never;
  }
}

/** The folder of the finished run whose parameters a run started from; `null` if it started from none. */
function startingRun(root: string): string | null {
  const { starting_weights } = openRunFolder(root).config;
  const start = starting_weights && dirname(starting_weights.file);
  return start && ['config.json', 'summary.json'].every((name) => existsSync(join(start, name))) ? start : null;
}

/** The lines of the table of a run beside the one that it started from; none unless it has quantizers. */
function gained([from, to]: readonly ComparedRun[]): string[] {
  if (!from || !to || (to.weightBits === null && to.activationBits === null)) return [];
  const kbytes = (of: 'weightsKbytes' | 'activationsKbytes') => [
    `${shortKilobytes(from[of])} kB`,
    `${shortKilobytes(to[of])} kB`,
    `${(from[of] / to[of]).toFixed(1)} times smaller`,
  ];
  const bits = (of: 'weightBits' | 'activationBits') => [bitsText(from[of]), bitsText(to[of])];
  const rows = [
    ['weights', ...kbytes('weightsKbytes')],
    ['  bits', ...bits('weightBits'), ''],
    ...(to.activationsKbytes > 0
      ? [
          ['largest activation', ...kbytes('activationsKbytes')],
          ['  bits', ...bits('activationBits'), ''],
        ]
      : []),
    ...(to.sameImages ? [[`test ${metrics[to.metric].title}`, ...metricRow(from, to)]] : []),
  ];
  return [
    `beside ${from.folder}:`,
    textTable(rows.map(([what, a = '', b = '', gain = '']) => [`  ${what}`, a, '→', b, gain])),
  ];
}

/** Both values of the metric and their difference, in points where the metric is told in percent. */
function metricRow({ testError: before, metric }: ComparedRun, { testError: after }: ComparedRun): string[] {
  const { inPercent, of } = metrics[metric];
  const gain = inPercent ? pointsText(100 * (of(after) - of(before))) : '';
  return [metricText(metric, before), metricText(metric, after), gain];
}

function bitsText(bits: BitRange | null): string {
  if (bits === null) return 'float';
  return bits.min === bits.max ? String(bits.min) : `${bits.min} to ${bits.max}`;
}

function pointsText(points: number): string {
  if (points === 0) return 'the same';
  return `${Math.abs(points).toFixed(2)} points ${points > 0 ? 'more' : 'less'}`;
}
