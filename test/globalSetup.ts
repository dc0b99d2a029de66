/**
 * Before the first test: a folder for temporary files, which goes away after the last, with whatever the tests and the
 * programs that they start leave there; and the CPU's kernels anew, where their sources are younger.
 */

import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './temporaryFolder.js';

const engine = 'src/engine/cpu';
const kernels = `${engine}/kernels`;
const builder = 'scripts/buildKernels.mjs';

/** Vitest's workers and their processes inherit the environment. An interrupted run ends here too. */
export function setup(): void {
  const parent = temporaryFolder();
  process.env.TMPDIR = parent;
  process.once('exit', () => rmSync(parent, { recursive: true, force: true }));
  if (kernelsAreStale()) execFileSync(process.execPath, [builder], { stdio: 'inherit' });
}

function kernelsAreStale(): boolean {
  const built = ['simd', 'relaxed'].map((variant) => modified(`${engine}/kernels-${variant}.wasm`));
  const files = readdirSync(kernels).map((name) => join(kernels, name));
  return Math.min(...built) < Math.max(...[builder, kernels, ...files].map(modified));
}

/** When a file was last written, or a folder's entries were; 0 where there is none. */
function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
