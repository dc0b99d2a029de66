#!/usr/bin/env node
/** The program `mpdnn`: the process around the command line. It always ends with a message. */

import { endingSignals, INTERRUPTED } from './endingSignals.js';

// Installed before anything else is loaded. Commands that train add their own listeners and write a checkpoint first.
for (const signal of endingSignals) {
  process.on(signal, () => {
    if (process.listenerCount(signal) === 1) process.exit(INTERRUPTED);
  });
}
const { mpdnn, report } = await import('./mpdnn.js');
const { callName } = await import('./callName.js');
const { setProgramName } = await import('../settings/commandLine.js');
setProgramName(callName({ argv: process.argv, env: process.env, cwd: process.cwd() }));

// A closed stdout (`mpdnn … | head`) is no fault; a closed stderr is, since the run can no longer report.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.stderr.on('error', () => process.exit(1));

// Errors thrown outside of the command's promise, such as in a stream or a worker, end in one line too.
process.on('uncaughtException', (error) => process.exit(report(error)));

// So does a promise that never settles, after which Node has nothing left to do.
const onNothingToDo = (): void => {
  process.exit(report(new Error('nothing is left to wait for before the command has ended: a fault of this program')));
};
process.on('beforeExit', onNothingToDo);
process.exitCode = await mpdnn(process.argv.slice(2));
process.off('beforeExit', onNothingToDo);
