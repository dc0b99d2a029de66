/** Several runs in the same plots, to be compared. */
import { bitwidthPlot } from './bitwidthPlot.js';
import { distinctNames } from './labels.js';
import { writePlot } from './renderPlot.js';
import { readRunRecord } from './runRecord.js';
import { sizePlot } from './sizePlot.js';
import { accuracyPlot, lossPlot } from './trainingCurves.js';

/**
 * Draws `losses`, `accuracy` and `sizes` of the runs over each other and their `bitwidths` side by side into `outDir`,
 * each as SVG and PNG. What no run has data for is left out.
 *
 * @returns the paths written
 * @throws InputError where one of `runFolders` is no run folder
 */
export async function plotRuns(runFolders: readonly string[], outDir: string): Promise<string[]> {
  const names = distinctNames(runFolders);
  const runs = runFolders.map((folder, i) => ({ ...readRunRecord(folder), name: names[i]! }));
  const plots = {
    losses: lossPlot(runs),
    accuracy: accuracyPlot(runs),
    bitwidths: bitwidthPlot(runs),
    sizes: sizePlot(runs),
  };
  const paths: string[] = [];
  for (const [name, spec] of Object.entries(plots)) {
    if (spec !== undefined) paths.push(...(await writePlot(spec, outDir, name)));
  }
  return paths;
}
