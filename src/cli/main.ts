#!/usr/bin/env node
/** `mpdnn`, the program: a process around the command line. */

import { mpdnn, report } from './mpdnn.js';

// A closed pipe (`mpdnn … | head`) is no fault, but a run that can no longer report has not come to its end.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.stderr.on('error', () => process.exit(1));

// What is thrown outside of the command's own chain of calls, such as in a stream or a worker, ends in one line too.
process.on('uncaughtException', (error) => process.exit(report(error)));

process.exitCode = await mpdnn(process.argv.slice(2));
