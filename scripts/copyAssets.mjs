/** Copies what the compiler does not emit, the WebAssembly modules and the live page, into `dist` or into the folder that is named. */
import { copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = process.argv[2] ?? join(root, 'dist');

for (const file of ['engine/cpu/kernels-simd.wasm', 'engine/cpu/kernels-relaxed.wasm', 'watch/page.html']) {
  copyFileSync(join(root, 'src', file), join(target, file));
}
