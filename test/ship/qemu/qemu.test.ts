/** The C network on the processors it is for, emulated: the same logits, few instructions, a small object. */

import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cFiles } from '../../../src/ship/c/files.js';
import { folderOf, run, runQuietly, symbolBytes, undefinedSymbols, warnings } from '../cProgram.js';
import { randomNetwork } from '../randomNetwork.js';
import { shippedNetwork } from '../shippable.js';
import { type Board, boards, counted } from './boards.js';

/** The C library, with its headers. */
const library = ['--specs=picolibc.specs'];
const resnet20 = counted.map((name) => ({ name, ...shippedNetwork(name, 1, 32), folder: '' }));
let plugin = '';

beforeAll(() => {
  const folder = folderOf(new Map());
  plugin = resolve(folder, 'count.so');
  const source = resolve('test/ship/qemu/countInstructions.c');
  run(folder, 'gcc', '-std=c99', '-O2', '-shared', '-fPIC', '-o', plugin, source);
  for (const each of resnet20) each.folder = folderOf(cFiles(each.network, { name: 'net', images: each.images }));
});

describe.each(Object.entries(boards))('%s', (_, board) => {
  it.each([0, 1, 2, 3])('computes random network %i', (seed) => {
    const { network, images } = randomNetwork(seed);
    const folder = folderOf(cFiles(network, { name: 'net', images }));
    compile(folder, board);
    expect(emulate(folder, board).output).toContain(`${images.length} images, 0 logits differ`);
  });

  it('calls nothing but memcpy and memset', () => {
    const [{ folder }] = resnet20 as [(typeof resnet20)[0]];
    compile(folder, board);
    const allowed = ['memcpy', 'memset'];
    expect(undefinedSymbols(folder, 'net.o').filter((name) => !allowed.includes(name))).toEqual([]);
  });
});

describe.each(resnet20)('ResNet-20, $name', (network) => {
  const { name } = network;
  const runOn = Object.entries(boards).filter(([, { instructions }]) => instructions[name] !== undefined);

  it.each(runOn)('takes few instructions on %s', (_, board) => {
    compile(network.folder, board);
    const { output, instructions } = emulate(network.folder, board);
    expect(output).toContain('1 images, 0 logits differ');
    expect(instructions / 40_551_040).toBeLessThan(1.05 * board.instructions[name]!);
  });

  it('fits into 6 kB of code besides its weights and constants', () => {
    compile(network.folder, boards['Cortex-M4']!);
    const sizes = run(network.folder, 'size', 'net.o').trim().split('\n').at(-1)!.trim().split(/\s+/).map(Number);
    const tables = [...symbolBytes(network.folder, 'net.o')].reduce(
      (sum, [symbol, bytes]) => sum + (/^weights$|^(multipliers|biases|shifts)_/.test(symbol) ? bytes : 0),
      0,
    );
    expect(sizes[0]! - tables).toBeLessThan(6000);
  });
});

function compile(folder: string, { compiler, target }: Board): void {
  run(folder, compiler, ...warnings, '-O2', ...target, ...library, '-c', '-o', 'net.o', 'net.c');
}

/** The output of the test program on a board, and how many instructions it took. */
function emulate(folder: string, { compiler, target, memory, emulator }: Board) {
  const { flash, flashBytes, ram, ramBytes } = memory;
  const symbols = Object.entries({ __flash: flash, __flash_size: flashBytes, __ram: ram, __ram_size: ramBytes });
  const layout = symbols.map(([name, value]) => `-Wl,--defsym=${name}=0x${value.toString(16)}`);
  const hosted = [...library, '--oslib=semihost', '--crt0=hosted', ...layout];
  run(folder, compiler, '-std=c99', '-O2', ...target, ...hosted, '-o', 'test.elf', 'test.c', 'net.o');
  const [program, ...machine] = emulator;
  const quiet = ['-display', 'none', '-monitor', 'none', '-serial', 'none'];
  const semihosting = ['-semihosting-config', 'enable=on,target=native'];
  const ran = runQuietly(
    folder,
    program!,
    ...machine,
    ...quiet,
    ...semihosting,
    '-plugin',
    plugin,
    '-kernel',
    'test.elf',
  );
  return { output: ran.stdout + ran.stderr, instructions: Number(/(\d+) instructions/.exec(ran.stderr)?.[1]) };
}
