/** `mpdnn init`: writes a .cfg file with the settings recommended for the user's own data. */

import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { Command } from 'commander';
import { dataForms } from '../data/dataSpec.js';
import { userPath } from '../disk/userPath.js';
import { InputError } from '../errors.js';
import { askedFor, recommend } from '../recipe/index.js';
import { makeFolder, withNetworkOfFile, writeDurably } from '../runs/index.js';
import { trainCommandLine } from '../settings/index.js';
import { addSettingOptions } from './options.js';
import { progressDisplay, progressFrame } from './progress.js';

const elsewhere = 'name another FILE';

export function initCommand(): Command {
  const command = new Command('init')
    .description('write the settings recommended for your own data as a .cfg file')
    .argument('[file]', 'file to write (default: NAME.cfg)')
    .option('--data <spec>', dataForms)
    .option('--model <name>', 'network: a name, or a file, ./net.mjs or net.onnx')
    .option('--weights <file>', 'file of parameters to start from')
    .option('--target-weight-kbytes <n>', 'budget of all weights together')
    .option('--target-activation-kbytes <n>', 'budget of the activations')
    .option('--epochs <n>', 'epochs of both networks together')
    .option('--name <name>', 'name of the section and of its run folder')
    .option('--force', 'replace an existing file')
    .action(async (given: string | undefined, options: Record<string, string | boolean | undefined>) => {
      const { force, ...overrides } = options;
      if (overrides.data === undefined) {
        throw new InputError('init: which data? name them, such as --data images:DIR or csv:FILE');
      }
      const asked = await withNetworkOfFile(askedFor(overrides));
      const display = progressDisplay(progressFrame(asked));
      const { name, text, experiments, notes } = await recommend(asked, display).finally(display.stop);
      const path = userPath(given ?? `${name}.cfg`);
      if (existsSync(path) && force !== true) {
        throw new InputError(`${path}: exists already; ${elsewhere}, or replace it with --force`);
      }
      makeFolder(dirname(path), elsewhere);
      writeDurably(path, text, elsewhere);
      const calls = experiments.map((experiment) => `  ${trainCommandLine(experiment.name, path, [])}`);
      process.stdout.write(`${[...notes, `${path} is written; train it with:`, ...calls].join('\n')}\n`);
    });
  return addSettingOptions(command, ['resume']);
}
