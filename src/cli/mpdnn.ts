/** The command line as a function: a file a command, put together here. */

import { Command, CommanderError } from 'commander';
import { readFault, writeFault } from '../disk/fileFault.js';
import { InputError, printable } from '../errors.js';
import { packageVersion } from '../packageVersion.js';
import { benchCommand } from './bench.js';
import { compareCommand } from './compare.js';
import { devicesCommand } from './devices.js';
import { evalCommand } from './eval.js';
import { experimentsCommand } from './experiments.js';
import { exportCommand } from './export.js';
import { frontCommand } from './front.js';
import { goldenCommand } from './golden.js';
import { initCommand } from './init.js';
import { inspectCommand } from './inspect.js';
import { plotCommand } from './plot.js';
import { predictCommand } from './predict.js';
import { reproduceCommand } from './reproduce.js';
import { sensitivityCommand } from './sensitivity.js';
import { statusCommand } from './status.js';
import { submitCommand } from './submit.js';
import { trainCommand } from './train.js';
import { watchCommand } from './watch.js';

/**
 * Runs a call, such as `['train', 'FLOAT', '--cfg', 'tiny.cfg']`, and resolves to its exit code: 0 done, 1 a run failed,
 * 2 the call or the input was wrong, 130 interrupted. Never rejects: a fault becomes one line on stderr.
 */
export async function mpdnn(args: readonly string[]): Promise<number> {
  try {
    await commandLine().parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return report(error);
  }
}

/** Writes a fault as one line to stderr, with its stack where `MPDNN_DEBUG` is set; returns its exit code. */
export function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const fault = inWords(error);
  process.stderr.write(`mpdnn: ${printable(fault.message)}\n`);
  if (process.env.MPDNN_DEBUG) process.stderr.write(`${fault.stack}\n`);
  return fault instanceof InputError ? 2 : 1;
}

/** A fault of the file system that nobody has put into words yet names a path of the call, as far as can be known here. */
function inWords(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const { path, syscall } = error as NodeJS.ErrnoException;
  if (path === undefined) return error;
  const isWritten = ['mkdir', 'rename', 'write', 'unlink', 'rmdir'].includes(syscall ?? '');
  return (isWritten ? writeFault(error, path) : readFault(error, path)) as Error;
}

function commandLine(): Command {
  const program = new Command('mpdnn')
    .description('Train neural networks whose bitwidths are learned, under a memory budget.')
    .version(packageVersion())
    .showSuggestionAfterError()
    .enablePositionalOptions();
  for (const command of [
    trainCommand(),
    initCommand(),
    inspectCommand(),
    evalCommand(),
    predictCommand(),
    watchCommand(),
    plotCommand(),
    compareCommand(),
    exportCommand(),
    experimentsCommand(),
    goldenCommand(),
    reproduceCommand(),
    frontCommand(),
    submitCommand(),
    statusCommand(),
    sensitivityCommand(),
    benchCommand(),
    devicesCommand(),
  ]) {
    program.addCommand(command);
  }
  for (const command of [program, ...program.commands]) {
    // Commander puts its suggestion on a line of its own.
    const oneLine = (text: string): string =>
      `${text
        .replace(/^error: /, 'mpdnn: ')
        .trim()
        .replaceAll('\n', ' ')}\n`;
    command.exitOverride().configureOutput({ outputError: (text, write) => write(oneLine(text)) });
  }
  return program;
}
