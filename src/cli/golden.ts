/** `mpdnn golden`: checks every golden file of a folder on an engine. */

import { Command } from 'commander';
import type { Device, MatmulPrecision } from '../device.js';
import { codeOf } from '../disk/fileFault.js';
import { selectEngine } from '../engine/selectEngine.js';
import { InputError } from '../errors.js';
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
        const { checkGolden, reportLine } = await goldenChecks();
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

/** Loads the checks, which are part of the repository but not of the published package. */
async function goldenChecks(): Promise<typeof import('../golden/index.js')> {
  try {
    return await import('../golden/index.js');
  } catch (error) {
    if (codeOf(error) !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new InputError('golden: the checks belong to a checkout of the repository; the package does not hold them');
  }
}
