/** Copies what the compiler does not emit, the WebAssembly modules, into `dist` or into the folder that is named. */
import { copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = process.argv[2] ?? join(root, 'dist');

for (const file of ['kernels-simd.wasm', 'kernels-relaxed.wasm']) {
  copyFileSync(join(root, 'src', 'engine', 'cpu', file), join(target, 'engine', 'cpu', file));
}
