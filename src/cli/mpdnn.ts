/** The command line as a function of its arguments; each command has a file of its own. */

import { Command, CommanderError } from 'commander';
import { readFault, writeFault } from '../disk/fileFault.js';
import { InputError, printable } from '../errors.js';
import { nearestName } from '../nearestName.js';
import { packageVersion } from '../packageVersion.js';

/** The commands in the order of the help. Only the called one is loaded, which keeps short calls fast. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  train: async () => (await import('./train.js')).trainCommand(),
  init: async () => (await import('./init.js')).initCommand(),
  inspect: async () => (await import('./inspect.js')).inspectCommand(),
  eval: async () => (await import('./eval.js')).evalCommand(),
  predict: async () => (await import('./predict.js')).predictCommand(),
  watch: async () => (await import('./watch.js')).watchCommand(),
  plot: async () => (await import('./plot.js')).plotCommand(),
  compare: async () => (await import('./compare.js')).compareCommand(),
  export: async () => (await import('./export.js')).exportCommand(),
  experiments: async () => (await import('./experiments.js')).experimentsCommand(),
  golden: async () => (await import('./golden.js')).goldenCommand(),
  reproduce: async () => (await import('./reproduce.js')).reproduceCommand(),
  front: async () => (await import('./front.js')).frontCommand(),
  submit: async () => (await import('./submit.js')).submitCommand(),
  status: async () => (await import('./status.js')).statusCommand(),
  sensitivity: async () => (await import('./sensitivity.js')).sensitivityCommand(),
  bench: async () => (await import('./bench.js')).benchCommand(),
  devices: async () => (await import('./devices.js')).devicesCommand(),
};

/**
 * Runs a call, such as `['train', 'FLOAT', '--cfg', 'tiny.cfg']`, and resolves to its exit code: 0 done, 1 a run failed,
 * 2 the call or the input was wrong, 130 interrupted. Never rejects: a fault becomes one line on stderr.
 */
export async function mpdnn(args: readonly string[]): Promise<number> {
  try {
    await (await commandLine(args[0])).parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return report(error);
  }
}

/** Writes an error as one line to stderr, with its stack if `MPDNN_DEBUG` is set. Returns its exit code. */
export function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const fault = inWords(error);
  process.stderr.write(`mpdnn: ${printable(fault.message)}\n`);
  if (process.env.MPDNN_DEBUG) process.stderr.write(`${fault.stack}\n`);
  return fault instanceof InputError ? 2 : 1;
}

/** The error with its message in words, if it is one of the file system that no caller has translated yet. */
function inWords(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const { path, syscall } = error as NodeJS.ErrnoException;
  if (path === undefined) return error;
  const isWritten = ['mkdir', 'rename', 'write', 'unlink', 'rmdir'].includes(syscall ?? '');
  return (isWritten ? writeFault(error, path) : readFault(error, path)) as Error;
}

function longOptions({ options }: Command): string[] {
  return options.flatMap(({ long }) => long ?? []);
}

/** The program with the command `name`, or with all commands if there is none of that name. */
async function commandLine(name: string | undefined): Promise<Command> {
  const program = new Command('mpdnn')
    .description('Train neural networks whose bitwidths are learned, under a memory budget.')
    .version(packageVersion())
    .showSuggestionAfterError()
    .enablePositionalOptions();
  const called = Object.entries(commands).filter(([each]) => each === name);
  for (const [, load] of called.length > 0 ? called : Object.entries(commands)) program.addCommand(await load());
  for (const command of [program, ...program.commands]) {
    // Commander puts its suggestion on a line of its own, and knows none of the hidden options, which are keys.
    const oneLine = (text: string): string => {
      const line = text
        .replace(/^error: /, 'mpdnn: ')
        .trim()
        .replaceAll('\n', ' ');
      const [, unknown] = /unknown option '(--[^']+)'$/.exec(line) ?? [];
      const near = unknown && nearestName(unknown, longOptions(command));
      return `${line}${near ? ` (Did you mean ${near}?)` : ''}\n`;
    };
    command.exitOverride().configureOutput({ outputError: (text, write) => write(oneLine(text)) });
  }
  return program;
}
