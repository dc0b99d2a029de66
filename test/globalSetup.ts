/**
 * Before the first test: a folder for temporary files, which goes away after the last, with whatever the tests and the
 * programs that they start leave there; and the CPU's kernels anew, where their sources are younger.
 */

import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './temporaryFolder.js';

/** Files that the kernels' builder writes, by the folder of the sources. */
const built = new Map([
  ['src/engine/cpu/kernels', ['src/engine/cpu/kernels-simd.wasm', 'src/engine/cpu/kernels-relaxed.wasm']],
  ['src/runtime/kernels', ['src/runtime/kernelBytes.ts']],
]);
const builder = 'scripts/buildKernels.mjs';

/** Vitest's workers and their processes inherit the environment. An interrupted run ends here too. */
export function setup(): void {
  const parent = temporaryFolder();
  process.env.TMPDIR = parent;
  process.once('exit', () => rmSync(parent, { recursive: true, force: true }));
  if (kernelsAreStale()) execFileSync(process.execPath, [builder], { stdio: 'inherit' });
}

function kernelsAreStale(): boolean {
  return [...built].some(([sources, results]) => {
    const files = readdirSync(sources).map((name) => join(sources, name));
    return Math.min(...results.map(modified)) < Math.max(...[builder, sources, ...files].map(modified));
  });
}

/** When a file was last written, or a folder's entries were; 0 where there is none. */
function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
