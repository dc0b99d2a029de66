/**
 * Copies files that the compiler does not emit (the WebAssembly modules, the live page) into `dist` or the given
 * folder, and makes the command executable: `npx mpdnn` does so once only, and would refuse the file of a later build.
 */
import { chmodSync, copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kernelFiles } from './kernelFiles.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = process.argv[2] ?? join(root, 'dist');

for (const file of [...kernelFiles.map((name) => `engine/cpu/${name}`), 'watch/page.html']) {
  copyFileSync(join(root, 'src', file), join(target, file));
}
chmodSync(join(target, 'cli/main.js'), 0o755);
