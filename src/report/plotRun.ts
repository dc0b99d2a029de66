/** All plots of one run, written beside its results. */
import { join } from 'node:path';
import type { TopLevelSpec } from 'vega-lite';
import { bitwidthHistoryPlot } from './bitwidthHistoryPlot.js';
import { bitwidthPlot } from './bitwidthPlot.js';
import { writePlot } from './renderPlot.js';
import { type RunRecord, readRunRecord } from './runRecord.js';
import { sizePlot } from './sizePlot.js';
import { lossPlot, metricPlot } from './trainingCurves.js';

/**
 * The plots of a run by name: `losses`, `accuracy` or the metric of another task, `bitwidths`, `bitwidths_history` and
 * `sizes`, except those without data.
 */
export function plotsOf(run: RunRecord): ReadonlyMap<string, TopLevelSpec> {
  const plots = {
    losses: lossPlot([run]),
    [metricFile(run)]: metricPlot([run]),
    bitwidths: bitwidthPlot([run]),
    bitwidths_history: bitwidthHistoryPlot(run),
    sizes: sizePlot([run]),
  };
  return new Map(Object.entries(plots).flatMap(([name, spec]) => (spec ? [[name, spec] as const] : [])));
}

/** Name of the metric's curve: `accuracy` for classes, else the metric. */
export function metricFile({ metric }: Pick<RunRecord, 'metric'>): string {
  return metric === 'error' ? 'accuracy' : metric;
}

/**
 * Draws {@link plotsOf the plots} of a run, each as SVG and PNG, by default into `RUN/plots/`.
 *
 * @returns the paths written
 * @throws InputError if `runFolder` is no run folder
 */
export async function plotRun(runFolder: string, outDir = join(runFolder, 'plots')): Promise<string[]> {
  const paths: string[] = [];
  for (const [name, spec] of plotsOf(readRunRecord(runFolder))) {
    paths.push(...(await writePlot(spec, outDir, name)));
  }
  return paths;
}
