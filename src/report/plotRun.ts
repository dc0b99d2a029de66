/** All plots of one run, written beside its results. */
import { join } from 'node:path';
import { bitwidthHistoryPlot } from './bitwidthHistoryPlot.js';
import { bitwidthPlot } from './bitwidthPlot.js';
import { writePlot } from './renderPlot.js';
import { readRunRecord } from './runRecord.js';
import { sizePlot } from './sizePlot.js';
import { accuracyPlot, lossPlot } from './trainingCurves.js';

/**
 * Draws `losses`, `accuracy`, `sizes` and, where the run is quantized, `bitwidths` and `bitwidths_history` into
 * `RUN/plots/`, each as SVG and PNG. What has no data yet is left out.
 *
 * @returns the paths written
 * @throws InputError where `runFolder` is no run folder
 */
export async function plotRun(runFolder: string): Promise<string[]> {
  const run = readRunRecord(runFolder);
  const plots = {
    losses: lossPlot([run]),
    accuracy: accuracyPlot([run]),
    bitwidths: bitwidthPlot([run]),
    bitwidths_history: bitwidthHistoryPlot(run),
    sizes: sizePlot([run]),
  };
  const paths: string[] = [];
  for (const [name, spec] of Object.entries(plots)) {
    if (spec !== undefined) paths.push(...(await writePlot(spec, join(runFolder, 'plots'), name)));
  }
  return paths;
}
