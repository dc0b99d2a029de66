/**
 * Before the first test: a folder for temporary files, which goes away after the last, with whatever the tests and the
 * programs that they start leave there; the CPU's kernels and the live page anew, where their sources are younger; and the
 * sources compiled.
 */

import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kernelFiles } from '../scripts/kernelFiles.mjs';
import { compileSources } from './compiledSources.js';
import { isTemporaryFolder, temporaryFolder } from './temporaryFolder.js';

/** Built files with the script that builds them, and their sources. */
const built = [
  {
    builder: 'scripts/buildKernels.mjs',
    sources: ['src/engine/cpu/kernels', 'src/runtime/kernels', 'src/ranks/kernels'],
    results: [
      ...kernelFiles.map((name) => `src/engine/cpu/${name}`),
      ...['src/runtime/kernelBytes.ts', 'src/ranks/kernelBytes.ts'],
    ],
  },
  {
    builder: 'scripts/buildPage.mjs',
    sources: ['src/watch/page', 'src/live', 'src/report/layerLabels.ts', 'src/capitalized.ts', 'src/task.ts'],
    results: ['src/watch/page.html'],
  },
];

/**
 * Vitest calls it for each project, and the first call does it for all: folders in folders would make paths of sockets too
 * long for a browser. Vitest's workers and their processes inherit the environment. An interrupted run ends here too.
 */
export function setup(): void {
  if (isTemporaryFolder(tmpdir())) return;
  const parent = temporaryFolder();
  process.env.TMPDIR = parent;
  process.once('exit', () => rmSync(parent, { recursive: true, force: true }));
  for (const { builder, sources, results } of built) {
    if (isStale([builder, ...sources], results)) execFileSync(process.execPath, [builder], { stdio: 'inherit' });
  }
  compileSources();
}

function isStale(sources: readonly string[], results: readonly string[]): boolean {
  const inside = sources
    .filter((path) => statSync(path).isDirectory())
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  return Math.min(...results.map(modified)) < Math.max(...[...sources, ...inside].map(modified));
}

/** Time of the last change of a file, or of a folder's entries; 0 if there is none. */
function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
