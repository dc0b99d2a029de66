/** A text table of the scores of single classes, numbers and labels, printed by `mpdnn eval --each`. */

import type { EachScore } from '../program/eachOutput.js';
import { percent } from './progress.js';
import { textTable } from './textTable.js';

/** Aligned columns under their names. No line break at the end. */
export function eachTable(scores: readonly EachScore[]): string {
  const rows = scores.map(cellsOf);
  return textTable([Object.keys(rows[0] ?? {}), ...rows.map((row) => Object.values(row))]);
}

/** The cells of a row by the names of their columns. */
function cellsOf(score: EachScore): Readonly<Record<string, string>> {
  if ('output' in score) {
    const { output, rmse, mean_error, r2 } = score;
    return { output, RMSE: short(rmse), 'mean error': short(mean_error), 'R²': ifAny(r2, (own) => own.toFixed(4)) };
  }
  if ('label' in score) {
    const { label, there, not_there, auc } = score;
    return { label, there: String(there), 'not there': String(not_there), AUC: ifAny(auc, short) };
  }
  if ('pixels' in score) {
    return { class: score.class, pixels: String(score.pixels), IoU: ifAny(score.iou, percent) };
  }
  const own = { class: score.class, inputs: String(score.inputs) };
  if ('mse' in score) return { ...own, MSE: ifAny(score.mse, short) };
  return { ...own, error: ifAny(score.error, percent), 'mostly taken for': score.taken_for ?? '–' };
}

function ifAny(value: number | null, words: (value: number) => string): string {
  return value === null ? '–' : words(value);
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
