/** The name by which the program was called, so that messages show calls that work on this machine. */

import { basename, delimiter, dirname, relative, resolve } from 'node:path';
import { commandWords } from '../settings/commandLine.js';

interface Call {
  /** Node and the script, as in `process.argv`. */
  readonly argv: readonly string[];
  readonly env: Readonly<NodeJS.ProcessEnv>;
  readonly cwd: string;
}

/** `npx mpdnn`, `mpdnn` where it lies on the PATH, or `node` and the path of the script, `dist/cli/main.js`. */
export function callName({ argv: [, script = ''], env, cwd }: Call): string {
  const isBin = basename(script).replace(/\.cmd$/, '') === 'mpdnn';
  // npx puts a folder of its own on the PATH, and programs that it starts inherit its environment.
  if (env.npm_command === 'exec' && isBin) return 'npx mpdnn';
  const onPath = (env.PATH ?? '').split(delimiter).some((folder) => folder && resolve(folder) === dirname(script));
  if (isBin && onPath) return 'mpdnn';
  const near = relative(cwd, script);
  return commandWords(['node', near.startsWith('..') ? script : near]);
}
