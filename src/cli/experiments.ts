/** `mpdnn experiments`: the sections of .cfg files and their settings. */

import { Command } from 'commander';
import { quantizableTensors } from '../nn/index.js';
import { withNetworkOfFile } from '../runs/index.js';
import {
  type Experiment,
  listExperiments,
  type ResolvedLayer,
  resolveExperiment,
  resolveLayers,
} from '../settings/index.js';
import { readConfigFile, shippedConfigs, shippedFolder } from '../settings/readConfigFile.js';
import { resolvedLayerRow, resolvedLayerTable } from './resolvedLayerTable.js';
import { textTable } from './textTable.js';

export function experimentsCommand(): Command {
  return new Command('experiments')
    .description('list sections with their network, budget and starting weights')
    .option('--cfg <file>', 'a .cfg file (default: all of this program)')
    .option('--json', 'one JSON array on stdout')
    .action(async ({ cfg, json }: { cfg?: string; json?: boolean }) => {
      const paths = cfg ? [cfg] : shippedConfigs().map((name) => `${shippedFolder}${name}`);
      const files = await Promise.all(paths.map(sectionsOf));
      if (json) {
        const all = files.flatMap(({ path, rows, layers }) =>
          rows.map((row) => ({ cfg: path, ...row, layers: layers.get(row.name)?.map(resolvedLayerRow) })),
        );
        process.stdout.write(`${JSON.stringify(all)}\n`);
        return;
      }
      for (const { path, rows, layers } of files) {
        const header = ['experiment', 'model', 'weights', 'activations', 'budget', 'starts from', 'optimizer', 'rate'];
        const lines = rows.map((row) => [
          row.name,
          row.model,
          row.weights,
          row.activations,
          row.budget,
          row.startsFrom,
          row.optimizer,
          String(row.initialLearningRate),
        ]);
        process.stdout.write(`${path}\n${textTable([header, ...lines], process.stdout.columns ?? 100)}\n\n`);
        for (const [name, resolved] of layers) {
          process.stdout.write(`[${name}] layers\n${resolvedLayerTable(resolved)}\n\n`);
        }
      }
    });
}

/** The sections of a file, and the quantizers of those with rules for single tensors, by name. */
async function sectionsOf(path: string) {
  const file = readConfigFile(path);
  const rows = listExperiments(file);
  const layers = new Map<string, readonly ResolvedLayer[]>();
  for (const { name } of rows) {
    const experiment = resolveExperiment(file, name);
    if (experiment.layers.length > 0) layers.set(name, layersOf(await withNetworkOfFile(experiment)));
  }
  return { path, rows, layers };
}

/** The quantizers of all tensors. Their names do not depend on images and classes. */
function layersOf(experiment: Experiment): ResolvedLayer[] {
  const side = experiment.data.imageSize ?? 32;
  const imageShape = experiment.network.definition?.input ?? ([side, side, 3] as const);
  return resolveLayers(experiment, quantizableTensors({ ...experiment.network, classes: 10 }, imageShape));
}
