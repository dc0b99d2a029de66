/** The package's entry `mixed-precision-dnns/runtime`, built by Vite into one file as a page's build would have it. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Rollup } from 'vite';
import { installPackage } from '../publishedPackage.js';
import { temporaryFolder } from '../temporaryFolder.js';

export interface BuiltRuntime {
  /** The file, which any module can import. */
  readonly file: string;
  readonly code: string;
  /** Paths of what the file is made of, from the package's folder on. */
  readonly modules: readonly string[];
}

export async function buildRuntime(): Promise<BuiltRuntime> {
  const root = temporaryFolder();
  installPackage(root);
  const entry = join(root, 'entry.js');
  writeFileSync(entry, "export * from 'mixed-precision-dnns/runtime';\n");
  const output = await build({
    ...{ root, logLevel: 'error', configFile: false },
    build: { target: 'esnext', minify: 'esbuild', lib: { entry, formats: ['es'], fileName: 'runtime' } },
  });
  const chunks = (output as Rollup.RollupOutput[]).flatMap((each) => each.output);
  const [chunk] = chunks;
  if (chunks.length !== 1 || chunk?.type !== 'chunk') throw new Error('the runtime was built into more than one file');
  return {
    file: join(root, 'dist', chunk.fileName),
    code: chunk.code,
    modules: chunk.moduleIds.filter((id) => id !== entry).map((id) => id.replace(/^.*\/(dist|build|js)\//, '')),
  };
}
