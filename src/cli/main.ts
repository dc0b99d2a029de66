#!/usr/bin/env node
/** `mpdnn`: one file a command. Exit codes: 0 done, 1 a run failed, 2 the call or the input was wrong, 130 interrupted. */

import { Command, CommanderError } from 'commander';
import { InputError } from '../errors.js';
import { packageVersion } from '../packageVersion.js';
import { benchCommand } from './bench.js';
import { devicesCommand } from './devices.js';
import { evalCommand } from './eval.js';
import { experimentsCommand } from './experiments.js';
import { goldenCommand } from './golden.js';
import { plotCommand } from './plot.js';
import { reproduceCommand } from './reproduce.js';
import { trainCommand } from './train.js';

const program = new Command('mpdnn')
  .description('Train neural networks whose bitwidths are learned, under a memory budget.')
  .version(packageVersion())
  .showSuggestionAfterError()
  .enablePositionalOptions();
for (const command of [
  trainCommand(),
  evalCommand(),
  plotCommand(),
  experimentsCommand(),
  goldenCommand(),
  reproduceCommand(),
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

// A closed pipe (`mpdnn … | head`) is no fault, but a run that can no longer report has not come to its end.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.stderr.on('error', () => process.exit(1));

// What is thrown outside of the command's own chain of calls, such as in a stream or a worker, ends in one line too.
process.on('uncaughtException', (error) => process.exit(report(error)));

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const fault = error instanceof Error ? error : new Error(String(error));
  process.stderr.write(`mpdnn: ${fault.message.split('\n')[0]}\n`);
  if (process.env.MPDNN_DEBUG) process.stderr.write(`${fault.stack}\n`);
  return fault instanceof InputError ? 2 : 1;
}
