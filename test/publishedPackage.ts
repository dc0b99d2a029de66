/** The package in a project's `node_modules`, as npm would put it there. */

import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { compiledProgram } from './cli/runMpdnn.js';

/** Puts the package, compiled from the sources as they are now, into the project. */
export function installPackage(project: string): void {
  const target = join(project, 'node_modules/mixed-precision-dnns');
  mkdirSync(target, { recursive: true });
  // A link to the repository's package.json would make bundlers take the build that lies beside it.
  cpSync('package.json', join(target, 'package.json'));
  symlinkSync(resolve('configs'), join(target, 'configs'));
  symlinkSync(resolve(dirname(compiledProgram()), '..'), join(target, 'dist'));
}
