/**
 * A run's data for plots, read from its folder.
 *
 * A run may be unfinished, unquantized or a single epoch long: a curve without rows is an empty list, which each plot
 * handles.
 */
import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { QuantizerRow } from '../program/quantizerReport.js';
import { activationTypes } from '../quant/index.js';
import { readCurves, readQuantizers, readResults, readSizes } from '../runs/folderTables.js';
import { openRunFolder, type RunConfig, type RunFolder, readSummary } from '../runs/runFolder.js';
import { type Selection, selectionOf } from '../selection.js';
import { type MetricName, metrics, trainingMetric } from '../task.js';

export interface CurvePoint {
  readonly epoch: number;
  readonly value: number;
}

export type QuantizerRecord = Pick<QuantizerRow, 'epoch' | 'tensor' | 'role' | 'bits'>;

export interface SizeRecord {
  readonly epoch: number;
  readonly weightsKbytes: number;
  readonly activationsMaxKbytes: number;
  readonly activationsSumKbytes: number;
  /** `null` in runs of older versions. */
  readonly activationsPeakKbytes: number | null;
}

/** The run's budget, in kB of 1024 bytes; absent without one. */
export interface Budget {
  readonly weightsKbytes?: number;
  readonly activationsMaxKbytes?: number;
  readonly activationsSumKbytes?: number;
  readonly activationsPeakKbytes?: number;
}

export interface RunRecord {
  readonly name: string;
  /** What chooses the best epoch; the evaluation's curves are of the images that `evaluatedOn` tells. */
  readonly select: Selection;
  /** The task's loss without the penalties of a budget, as in the evaluation. */
  readonly trainingLoss: readonly CurvePoint[];
  readonly evaluationLoss: readonly CurvePoint[];
  readonly metric: MetricName;
  /**
   * Accuracies in percent for classes; else the metric, in percent if it is told so, and empty if training counts
   * another metric.
   */
  readonly trainingMetric: readonly CurvePoint[];
  readonly evaluationMetric: readonly CurvePoint[];
  /** In network order within an epoch; empty for a float run. */
  readonly quantizers: readonly QuantizerRecord[];
  readonly sizes: readonly SizeRecord[];
  readonly budget: Budget;
  /** The epoch of the best parameters; `null` if none obeyed the budget, absent in an unfinished run. */
  readonly bestEpoch?: number | null;
}

/**
 * Reads a run folder.
 *
 * @throws InputError if `root` is missing, is no run, or holds a damaged file
 */
export function readRunRecord(root: string): RunRecord {
  const { folder, config } = openRunFolder(root);
  const curves = readCurves(folder);
  return {
    name: basename(resolve(root)),
    select: selectionOf(config.settings),
    trainingLoss: points(
      readResults(folder).map(({ iter, loss1 }) => ({ epoch: iter, loss1 })),
      'loss1',
    ),
    evaluationLoss: points(curves.testLosses, 'loss'),
    metric: folder.task.metric,
    ...metricCurves(folder, curves),
    quantizers: readQuantizers(folder),
    sizes: readSizes(folder).map((row) => ({
      epoch: row.epoch,
      weightsKbytes: row.weights_kb,
      activationsMaxKbytes: row.activations_max_kb,
      activationsSumKbytes: row.activations_sum_kb,
      activationsPeakKbytes: row.activations_peak_kb,
    })),
    budget: budgetOf(config.settings),
    ...(existsSync(folder.summary) ? { bestEpoch: readSummary(folder).best_epoch } : {}),
  };
}

/** A column over the epochs, without non-finite values. */
function points<Column extends string>(
  rows: readonly ({ readonly epoch: number } & Readonly<Record<Column, number>>)[],
  column: Column,
): CurvePoint[] {
  return rows.map((row) => ({ epoch: row.epoch, value: row[column] })).filter((point) => Number.isFinite(point.value));
}

function metricCurves(
  folder: RunFolder,
  curves: ReturnType<typeof readCurves>,
): Pick<RunRecord, 'trainingMetric' | 'evaluationMetric'> {
  const { metric, loss } = folder.task;
  if (loss === 'classes') {
    return {
      trainingMetric: inPercent(points(curves.trainAccuracies, 'accuracy')),
      evaluationMetric: inPercent(points(curves.testAccuracies, 'accuracy')),
    };
  }
  const { inPercent: isPercent, of } = metrics[metric];
  const rows = readResults(folder);
  const curve = (column: 'train_err' | 'val_err') =>
    points(
      rows.map((row) => ({ epoch: row.iter, value: (isPercent ? 100 : 1) * of(row[column]) })),
      'value',
    );
  return {
    trainingMetric: metric === trainingMetric(folder.task) ? curve('train_err') : [],
    evaluationMetric: curve('val_err'),
  };
}

/**
 * Accuracies in percent. Files have fractions; values above 1 are percent already, since no run worth a plot stays
 * below 1 %.
 */
function inPercent(fractions: readonly CurvePoint[]): CurvePoint[] {
  const scale = fractions.every((point) => point.value <= 1) ? 100 : 1;
  return fractions.map((point) => ({ epoch: point.epoch, value: scale * point.value }));
}

function budgetOf(settings: RunConfig['settings']): Budget {
  const limit = (key: string) => {
    const value = settings[key];
    return typeof value === 'number' && value > 0 ? value : undefined;
  };
  const weights = limit('target_weight_kbytes');
  const activations = limit('target_activation_kbytes');
  const measures = { max: 'activationsMaxKbytes', sum: 'activationsSumKbytes', peak: 'activationsPeakKbytes' } as const;
  const type = activationTypes.find((name) => name === settings.target_activation_type) ?? 'max';
  const measure = measures[type];
  return {
    ...(weights === undefined ? {} : { weightsKbytes: weights }),
    ...(activations === undefined ? {} : { [measure]: activations }),
  };
}
