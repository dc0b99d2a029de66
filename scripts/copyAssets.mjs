/** Copies what the compiler does not emit into `dist`: the WebAssembly modules and the plain-JavaScript worker. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const assets = ['kernels-simd.wasm', 'kernels-relaxed.wasm', 'worker.js'];

mkdirSync(join(root, 'dist', 'engine', 'cpu'), { recursive: true });
for (const file of assets) {
  copyFileSync(join(root, 'src', 'engine', 'cpu', file), join(root, 'dist', 'engine', 'cpu', file));
}
