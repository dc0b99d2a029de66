#!/usr/bin/env node
/** `mpdnn`, the program: a process around the command line, which never ends without a word. */

import { endingSignals, INTERRUPTED } from './endingSignals.js';

// Before anything else is loaded. Commands that train listen themselves, and leave a checkpoint first.
for (const signal of endingSignals) {
  process.on(signal, () => {
    if (process.listenerCount(signal) === 1) process.exit(INTERRUPTED);
  });
}
const { mpdnn, report } = await import('./mpdnn.js');
const { callName } = await import('./callName.js');
const { setProgramName } = await import('../settings/commandLine.js');
setProgramName(callName({ argv: process.argv, env: process.env, cwd: process.cwd() }));

// A closed pipe (`mpdnn … | head`) is no fault, but a run that can no longer report has not come to its end.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.stderr.on('error', () => process.exit(1));

// What is thrown outside of the command's own chain of calls, such as in a stream or a worker, ends in one line too.
process.on('uncaughtException', (error) => process.exit(report(error)));

// So does a wait for what never comes, after which Node finds nothing more to do.
const onNothingToDo = (): void => {
  process.exit(report(new Error('nothing is left to wait for before the command has ended: a fault of this program')));
};
process.on('beforeExit', onNothingToDo);
process.exitCode = await mpdnn(process.argv.slice(2));
process.off('beforeExit', onNothingToDo);
