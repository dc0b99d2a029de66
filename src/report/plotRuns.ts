/** Plots that compare several runs. */

import { InputError } from '../errors.js';
import { bitwidthPlot } from './bitwidthPlot.js';
import { distinctNames } from './labels.js';
import { metricFile } from './plotRun.js';
import { writePlot } from './renderPlot.js';
import { readRunRecord } from './runRecord.js';
import { sizePlot } from './sizePlot.js';
import { lossPlot, metricPlot } from './trainingCurves.js';

/**
 * Draws `losses`, `accuracy` (or the metric of another task) and `sizes` of the runs over each other and their
 * `bitwidths` side by side into `outDir`, each as SVG and PNG, except those without data.
 *
 * @returns the paths written
 * @throws InputError if one of `runFolders` is no run folder, or if runs have different metrics
 */
export async function plotRuns(runFolders: readonly string[], outDir: string): Promise<string[]> {
  const names = distinctNames(runFolders);
  const runs = runFolders.map((folder, i) => ({ ...readRunRecord(folder), name: names[i]! }));
  const other = runs.find(({ metric }) => metric !== runs[0]!.metric);
  if (other)
    throw new InputError(
      `${other.name}: is judged by ${other.metric}, ${runs[0]!.name} by ${runs[0]!.metric}: draw them apart`,
    );
  const plots = {
    losses: lossPlot(runs),
    [metricFile(runs[0]!)]: metricPlot(runs),
    bitwidths: bitwidthPlot(runs),
    sizes: sizePlot(runs),
  };
  const paths: string[] = [];
  for (const [name, spec] of Object.entries(plots)) {
    if (spec !== undefined) paths.push(...(await writePlot(spec, outDir, name)));
  }
  return paths;
}
