/** `mpdnn experiments`: the sections of .cfg files and their settings. */

import { Command } from 'commander';
import { type Experiment, listExperiments, type ResolvedLayer, resolveExperiment } from '../settings/index.js';
import { readConfigFile, shippedConfigs, shippedFolder } from '../settings/readConfigFile.js';
import { resolvedLayers } from '../train/programOptions.js';
import { resolvedLayerRow, resolvedLayerTable } from './resolvedLayerTable.js';
import { textTable } from './textTable.js';

export function experimentsCommand(): Command {
  return new Command('experiments')
    .description('list sections with their network, budget and starting weights')
    .option('--cfg <file>', 'a .cfg file (default: all of this program)')
    .option('--json', 'one JSON array on stdout')
    .action(({ cfg, json }: { cfg?: string; json?: boolean }) => {
      const files = (cfg ? [cfg] : shippedConfigs().map((name) => `${shippedFolder}${name}`)).map((path) => {
        const file = readConfigFile(path);
        const rows = listExperiments(file);
        return { path, rows, layers: new Map(rows.map(({ name }) => [name, layersOf(resolveExperiment(file, name))])) };
      });
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
          if (resolved) process.stdout.write(`[${name}] layers\n${resolvedLayerTable(resolved)}\n\n`);
        }
      }
    });
}

/** The quantizers of all tensors, if the section has rules for single ones. Independent of images and classes. */
function layersOf(experiment: Experiment): ResolvedLayer[] | undefined {
  if (experiment.layers.length === 0) return undefined;
  const side = experiment.data.imageSize ?? 32;
  return resolvedLayers(experiment, { classes: 10, imageShape: [side, side, 3] });
}
