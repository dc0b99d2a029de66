/** The code size of the exported C, if a cross compiler is installed. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The compiler for a Cortex-M4, as in `make emulated`. */
const compiler = 'arm-none-eabi-gcc';
const flags = ['-std=c99', '-O2', '-mcpu=cortex-m4', '-mthumb', '--specs=picolibc.specs'];

/**
 * Bytes of code on a Cortex-M4, with descriptions of layers, but without weights and tables of channels; null if
 * arm-none-eabi-gcc is not installed.
 *
 * @param files of `cFiles`
 * @param tables bytes of weights with their guard, and of constants
 */
export function codeBytes(files: ReadonlyMap<string, string>, name: string, tables: number): number | null {
  const folder = mkdtempSync(join(tmpdir(), 'mpdnn-code-'));
  try {
    for (const file of [`${name}.c`, `${name}.h`]) writeFileSync(join(folder, file), files.get(file)!);
    const run = (program: string, args: readonly string[]) =>
      spawnSync(program, args, { cwd: folder, encoding: 'utf8' });
    if (run(compiler, [...flags, '-c', '-o', 'net.o', `${name}.c`]).status !== 0) return null;
    // The first column of the second line: instructions and constants.
    const [, sizes] = run('arm-none-eabi-size', ['net.o']).stdout.split('\n');
    const text = Number.parseInt(sizes?.trim() ?? '', 10);
    return Number.isNaN(text) ? null : text - tables;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
