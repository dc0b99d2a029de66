/**
 * Compiles the AssemblyScript kernels: the files of the CPU engine, with shared memory, and those of the integer
 * runtime and of the ranks, whose bytes become a module, so that they need no further file. Each with relaxed SIMD, and
 * without for machines that lack it; ranks do without.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const cpu = join(root, 'src', 'engine', 'cpu');
const runtime = join(root, 'src', 'runtime');
const ranks = join(root, 'src', 'ranks');
const sharedMemory = ['--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'];

for (const [name, features] of [
  ['simd', 'simd'],
  ['relaxed', 'simd,relaxed-simd'],
]) {
  const shared = ['--enable', `${features},threads`, ...sharedMemory];
  // As fast as without, and 15 kB compressed instead of 24.
  const shrunk = ['--shrinkLevel', '1'];
  const tables = ['--exportTable', '--growTable'];
  await compile(cpu, 'evaluation', `kernels-evaluation-${name}.wasm`, [...shared, ...shrunk, ...tables]);
  await compile(cpu, 'training', `kernels-training-${name}.wasm`, shared);
  await compile(cpu, 'integers', `kernels-integers-${name}.wasm`, shared);
  await compile(runtime, 'index', `kernels-${name}.wasm`, ['--enable', features]);
}

await compile(ranks, 'index', 'kernels.wasm', ['--enable', 'simd']);
writeBytes(runtime, { simdKernels: 'kernels-simd.wasm', relaxedKernels: 'kernels-relaxed.wasm' });
writeBytes(ranks, { kernels: 'kernels.wasm' });

/** Makes compiled files the constants of a module. */
function writeBytes(folder, files) {
  const constants = Object.entries(files).map(([name, file]) => {
    const text = readFileSync(join(folder, file)).toString('base64');
    rmSync(join(folder, file));
    return `export const ${name} = '${text}';\n`;
  });
  writeFileSync(
    join(folder, 'kernelBytes.ts'),
    `/** Compiled from kernels/ by scripts/buildKernels.mjs, in base 64. */\n\n${constants.join('')}`,
  );
}

async function compile(folder, source, file, options) {
  const { error, stderr } = await asc.main([
    join(folder, 'kernels', `${source}.ts`),
    ...['--outFile', join(folder, file), '-O3', '--noAssert', '--runtime', 'stub'],
    ...['--importMemory', '--use', 'abort=', ...options],
  ]);
  if (!error) return;
  process.stderr.write(`${file}: ${error.message}\n${stderr.toString()}`);
  process.exit(1);
}
