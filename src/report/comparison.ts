/** Comparison of finished runs: errors, sizes and bits of the selected parameters, and runs that others dominate. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { InputError } from '../errors.js';
import { floatBits } from '../quant/index.js';
import { openRunFolder, type RunConfig, type RunFolder, readQuantizers, readSummary } from '../runs/index.js';
import type { Selection } from '../selection.js';
import { type MetricName, metrics } from '../task.js';
import { distinctNames } from './labels.js';

export interface BitRange {
  readonly min: number;
  /** Mean over the tensors, each counted once. */
  readonly mean: number;
  readonly max: number;
}

/** A finished run, with the numbers of its best parameters, or of its last if no epoch obeyed the budget. */
export interface ComparedRun {
  /** The shortest name that tells it from the others. */
  readonly name: string;
  readonly folder: string;
  readonly metric: MetricName;
  /** Error on the test images. */
  readonly testError: number;
  readonly validationError: number | null;
  /** What chooses the parameters, of several epochs inside the budget; test images that do flatter the error. */
  readonly select: Selection;
  /** Kilobytes of 1024 bytes; for activations, of the largest tensor. */
  readonly weightsKbytes: number;
  readonly activationsKbytes: number;
  readonly weightBits: BitRange | null;
  readonly activationBits: BitRange | null;
  readonly epochs: number;
  readonly seconds: number;
  /** True if any epoch obeyed the budget, or without a budget. */
  readonly obeysBudget: boolean;
  /** True if the test images are those of the first run, as far as the runs tell. */
  readonly sameImages: boolean;
}

export interface Comparison {
  readonly runs: readonly ComparedRun[];
  /** Run folders that were left out, since their runs have not finished. */
  readonly unfinished: readonly string[];
}

/**
 * Reads runs in the given order. `labels`: names for them, a different one a folder.
 *
 * @throws InputError if a folder is no run or is given twice, if no run has finished, or if classes differ, since
 *   errors of different tasks cannot be compared
 */
export function compareRuns(folders: readonly string[], labels: readonly string[] | null = null): Comparison {
  if (labels && labels.length !== folders.length) {
    throw new InputError(
      `--labels: ${labels.length} names for ${folders.length} runs; give one each, with commas between`,
    );
  }
  const same = labels?.find((label, i) => labels.indexOf(label) < i);
  if (same !== undefined) throw new InputError(`--labels: ${same} names two runs; give each a name of its own`);
  const twice = folders.find((folder, i) => folders.findIndex((other) => resolve(other) === resolve(folder)) < i);
  if (twice !== undefined) throw new InputError(`${twice}: is given twice; compare different runs`);
  const names = labels ?? distinctNames(folders);
  const opened = folders.map((root, i) => ({ root, name: names[i] ?? root, ...openRunFolder(root) }));
  const finished = opened.filter(({ folder }) => existsSync(folder.summary));
  const unfinished = opened.filter((run) => !finished.includes(run)).map(({ root }) => root);
  const [first] = finished;
  if (!first) throw new InputError(`${folders.join(', ')}: no run has finished yet, so nothing can be compared`);
  for (const run of finished) checkTask(first, run);
  return { unfinished, runs: finished.map((run) => comparedRun(run, sameImages(first.config, run.config))) };
}

/**
 * Runs that no other run dominates: none has a smaller size and an error as low, or a lower error and a size as small.
 */
export function front(runs: readonly ComparedRun[], sizeOf: (run: ComparedRun) => number): ComparedRun[] {
  const comparable = runs.filter(({ sameImages }) => sameImages);
  return comparable.filter(
    (run) => !comparable.some((other) => beats([sizeOf(other), other.testError], [sizeOf(run), run.testError])),
  );
}

/** The first run that is at least as good as `run` in error, weights and activations, and better in one of them. */
export function beatenBy(run: ComparedRun, runs: readonly ComparedRun[]): ComparedRun | null {
  const measures = ({ testError, weightsKbytes, activationsKbytes }: ComparedRun) => [
    ...[testError, weightsKbytes, activationsKbytes],
  ];
  if (!run.sameImages) return null;
  return runs.find((other) => other.sameImages && beats(measures(other), measures(run))) ?? null;
}

function beats(own: readonly number[], other: readonly number[]): boolean {
  return own.every((value, i) => value <= other[i]!) && own.some((value, i) => value < other[i]!);
}

interface OpenedRun {
  readonly root: string;
  readonly name: string;
  readonly folder: RunFolder;
  readonly config: RunConfig;
}

function comparedRun({ root, name, folder }: OpenedRun, sameImages: boolean): ComparedRun {
  const summary = readSummary(folder);
  const { best_epoch, best_val_err, best_test_err, last_val_err, last_test_err, select } = summary;
  const error = best_val_err ?? last_val_err;
  const bits = bitsByRole(folder, summary.bits, best_epoch ?? summary.epochs);
  return {
    name,
    folder: root,
    metric: folder.task.metric,
    // Runs of older versions have one error only.
    testError: best_test_err ?? (best_epoch === null ? last_test_err : null) ?? error,
    validationError: select === 'validation' ? error : null,
    select,
    weightsKbytes: summary.weights_kb,
    activationsKbytes: summary.activations_max_kb,
    weightBits: rangeOf(bits.weights),
    activationBits: rangeOf(bits.activations),
    epochs: summary.epochs,
    seconds: summary.seconds,
    obeysBudget: best_epoch !== null,
    sameImages,
  };
}

/** The summary's bits by role, which quantizers.csv tells; tensors without a quantizer are float. */
function bitsByRole(
  folder: RunFolder,
  bits: Readonly<Record<string, number>>,
  shown: number,
): { weights: number[]; activations: number[] } {
  const rows = readQuantizers(folder).filter(({ epoch }) => epoch === shown);
  const roles = new Map(rows.map(({ tensor, role }) => [tensor, role]));
  const isActivation = (tensor: string) =>
    roles.has(tensor) ? roles.get(tensor) === 'activation' : !/(\/(W|b)|\.(weight|bias))$/.test(tensor);
  const all = Object.entries(bits);
  return {
    weights: all.filter(([tensor]) => !isActivation(tensor)).map(([, n]) => n),
    activations: all.filter(([tensor]) => isActivation(tensor)).map(([, n]) => n),
  };
}

/** `null` if nothing is quantized. */
function rangeOf(bits: readonly number[]): BitRange | null {
  if (bits.every((n) => n === floatBits)) return null;
  const mean = bits.reduce((sum, n) => sum + n, 0) / bits.length;
  return { min: Math.min(...bits), mean, max: Math.max(...bits) };
}

function checkTask(first: OpenedRun, { root, config, folder }: OpenedRun): void {
  const [metric, other] = [folder, first.folder].map(({ task }) => metrics[task.metric].title);
  if (metric !== other)
    throw new InputError(`${root}: cannot be compared with ${first.root}: ${metric} here, ${other} there`);
  const [own, others] = [config.data?.classes, first.config.data?.classes];
  if (!own || !others || own.join('\n') === others.join('\n')) return;
  const label = own.findIndex((name, i) => others[i] !== name);
  const difference =
    own.length === others.length
      ? `class ${label} is '${own[label]}' here and '${others[label]}' there`
      : `${own.length} classes here, ${others.length} there`;
  throw new InputError(`${root}: cannot be compared with ${first.root}: ${difference}`);
}

/** Compares the fingerprints or, for runs of versions without these, the settings of the test images. */
function sameImages(first: RunConfig, other: RunConfig): boolean {
  if (first.data && other.data) return first.data.fingerprints.test === other.data.fingerprints.test;
  return ['data', 'limit_val', 'image_size'].every(
    (key) => JSON.stringify(first.settings[key]) === JSON.stringify(other.settings[key]),
  );
}
