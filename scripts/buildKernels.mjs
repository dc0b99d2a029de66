/**
 * Compiles the AssemblyScript kernels twice: with relaxed SIMD, and without for runtimes that lack it. The memory is
 * imported and shared; its real size is chosen when a plan is loaded.
 */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const cpu = join(root, 'src', 'engine', 'cpu');

const variants = [
  { file: 'kernels-simd.wasm', features: 'simd,threads' },
  { file: 'kernels-relaxed.wasm', features: 'simd,threads,relaxed-simd' },
];

for (const { file, features } of variants) {
  const output = join(cpu, file);
  mkdirSync(dirname(output), { recursive: true });
  const { error, stderr } = await asc.main([
    join(cpu, 'kernels', 'index.ts'),
    ...['--outFile', output, '-O3', '--noAssert', '--runtime', 'stub', '--enable', features],
    ...['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
    ...['--exportTable', '--growTable', '--use', 'abort='],
  ]);
  if (error) {
    process.stderr.write(`${file}: ${error.message}\n${stderr.toString()}`);
    process.exit(1);
  }
}
