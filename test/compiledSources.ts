/**
 * The sources as JavaScript, compiled before the first test: never `dist/`, which may be of other sources. Tests start it as
 * processes, and in `vitest run` they import it in place of the sources: Node runs it as users do, which takes an eighth less
 * time than Vite's module runner, for which every use of an import is a call.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Plugin } from 'vitest/config';

const sources = resolve('src');
/** Files that Node imports; the others are Vite's. */
export const compiledFiles = /\/mpdnn-\w+\/program\/dist\//;

/** A package with what was compiled in `dist`, in the folder for temporary files of this run of Vitest. */
export function compiledPackage(): string {
  return join(tmpdir(), 'program');
}

/** Compiles; once a run of Vitest. */
export function compileSources(): void {
  const dist = join(compiledPackage(), 'dist');
  const flags = ['--noCheck', '--declaration', 'false', '--inlineSourceMap', 'true', '--outDir', dist];
  execFileSync(resolve('node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json', ...flags], { stdio: 'inherit' });
  execFileSync(process.execPath, ['scripts/copyAssets.mjs', dist]);
  for (const name of ['package.json', 'configs', 'node_modules']) {
    symlinkSync(resolve(name), join(compiledPackage(), name));
  }
}

/** Puts what was compiled in the place of the sources, unless Vitest waits for them to change. */
export function compiledSources(): Plugin {
  let isWatching = false;
  return {
    name: 'compiled-sources',
    enforce: 'pre',
    configureVitest: ({ vitest }) => {
      isWatching = vitest.config.watch;
    },
    async resolveId(source, importer) {
      if (isWatching || importer === undefined) return null;
      const { id } = (await this.resolve(source, importer, { skipSelf: true })) ?? { id: '' };
      if (!id.startsWith(`${sources}/`)) return null;
      const compiled = join(compiledPackage(), 'dist', id.slice(sources.length).replace(/\.ts$/, '.js'));
      // Neither tests nor files for pages only are compiled.
      return existsSync(compiled) ? compiled : null;
    },
    transform(code) {
      if (isWatching || !/\bvi\.(mock|doMock)\(/.test(code)) return;
      this.error(
        'replaces a module, which has no effect on what was compiled: name the file in `alone` of vitest.config.ts',
      );
    },
  };
}
