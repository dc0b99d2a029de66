/** `mpdnn golden`: checks every golden file of a folder on an engine. */

import { Command } from 'commander';
import type { MatmulPrecision } from '../engine/matmulPrecision.js';
import { type Device, selectEngine } from '../engine/selectEngine.js';
import { checkGolden, reportLine } from '../golden/index.js';
import { deviceOption, matmulPrecisionOption, threadsOption } from './options.js';

interface GoldenOptions {
  readonly device: Device;
  readonly threads?: number;
  readonly matmulPrecision: MatmulPrecision;
}

export function goldenCommand(): Command {
  return (
    new Command('golden')
      .description('check every golden file in a folder')
      .argument('<dir>', 'folder with golden files')
      .addOption(deviceOption('reference'))
      .addOption(threadsOption())
      // The files' tolerances are those of float32.
      .addOption(matmulPrecisionOption('float32'))
      .action(async (directory: string, { device, ...options }: GoldenOptions) => {
        const engine = await selectEngine(device, options);
        try {
          const { passed, failed } = await checkGolden(directory, engine, (file) => {
            process.stdout.write(`${reportLine(file)}\n`);
          });
          process.stdout.write(`${passed} passed, ${failed} failed\n`);
          if (failed) process.exitCode = 1;
        } finally {
          await engine.dispose();
        }
      })
  );
}
