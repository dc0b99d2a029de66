/** `mpdnn golden`: checks every golden file of a folder on an engine. */

import { Command } from 'commander';
import { type Device, selectEngine } from '../engine/selectEngine.js';
import { checkGolden, reportLine } from '../golden/index.js';
import { deviceOption, threadsOption } from './options.js';

export function goldenCommand(): Command {
  return new Command('golden')
    .description('check every golden file in a folder')
    .argument('<dir>', 'folder with golden files')
    .addOption(deviceOption('reference'))
    .addOption(threadsOption())
    .action(async (directory: string, { device, threads }: { device: Device; threads?: number }) => {
      const engine = await selectEngine(device, { threads, exact: true });
      try {
        const { passed, failed } = await checkGolden(directory, engine, (file) => {
          process.stdout.write(`${reportLine(file)}\n`);
        });
        process.stdout.write(`${passed} passed, ${failed} failed\n`);
        if (failed) process.exitCode = 1;
      } finally {
        await engine.dispose();
      }
    });
}
