/** `mpdnn experiments`: what the sections of .cfg files train. */

import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { listExperiments, readConfigFile } from '../experiment/index.js';
import { textTable } from './textTable.js';

export function experimentsCommand(): Command {
  return new Command('experiments')
    .description('list sections, what each trains, its budget, its starting weights')
    .option('--cfg <file>', 'a .cfg file; without it, all that come with this program')
    .option('--json', 'one JSON array on stdout')
    .action(({ cfg, json }: { cfg?: string; json?: boolean }) => {
      const files = (cfg ? [cfg] : shippedFiles()).map((path) => ({
        path,
        rows: listExperiments(readConfigFile(path)),
      }));
      if (json) {
        process.stdout.write(
          `${JSON.stringify(files.flatMap(({ path, rows }) => rows.map((row) => ({ cfg: path, ...row }))))}\n`,
        );
        return;
      }
      for (const { path, rows } of files) {
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
        process.stdout.write(`${path}\n${textTable([header, ...lines])}\n\n`);
      }
    });
}

function shippedFiles(): string[] {
  const folder = fileURLToPath(new URL('../../configs/', import.meta.url));
  return readdirSync(folder)
    .filter((name) => name.endsWith('.cfg'))
    .map((name) => `${folder}${name}`);
}
