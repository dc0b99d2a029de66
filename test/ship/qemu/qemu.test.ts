/** The C network on the processors it is for, emulated: the same logits, few instructions, a small object. */

import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cFiles } from '../../../src/ship/c/files.js';
import { folderOf, run, runQuietly, symbolBytes, undefinedSymbols, warnings } from '../cProgram.js';
import { randomNetwork } from '../randomNetwork.js';
import { shippedNetwork } from '../shippable.js';
import { type Board, boards } from './boards.js';

/** The C library, with its headers. */
const library = ['--specs=picolibc.specs'];
const resnet20 = { ...shippedNetwork('fixed 2 and 4 bits', 1, 32), folder: '' };
let plugin = '';

beforeAll(() => {
  const folder = folderOf(new Map());
  plugin = resolve(folder, 'count.so');
  const source = resolve('test/ship/qemu/countInstructions.c');
  run(folder, 'gcc', '-std=c99', '-O2', '-shared', '-fPIC', '-o', plugin, source);
  resnet20.folder = folderOf(cFiles(resnet20.network, { name: 'net', images: resnet20.images }));
});

describe.each(Object.entries(boards))('%s', (_, board) => {
  it.each([0, 1, 2, 3])('computes random network %i', (seed) => {
    const { network, images } = randomNetwork(seed, true);
    const folder = folderOf(cFiles(network, { name: 'net', images }));
    compile(folder, board);
    expect(emulate(folder, board).output).toContain(`${images.length} images, 0 logits differ`);
  });

  it('calls nothing but memcpy and memset', () => {
    compile(resnet20.folder, board);
    const allowed = ['memcpy', 'memset'];
    expect(undefinedSymbols(resnet20.folder, 'net.o').filter((name) => !allowed.includes(name))).toEqual([]);
  });
});

const counted = Object.entries(boards).filter(([, { instructions }]) => instructions !== null);

it.each(counted)('%s computes ResNet-20 with few instructions', (_, board) => {
  compile(resnet20.folder, board);
  const { output, instructions } = emulate(resnet20.folder, board);
  expect(output).toContain('1 images, 0 logits differ');
  expect(instructions / 40_551_040).toBeLessThan(1.05 * board.instructions!);
});

it('fits ResNet-20 into 6 kB of code besides its weights and constants', () => {
  compile(resnet20.folder, boards['Cortex-M4']!);
  const [text] = run(resnet20.folder, 'size', 'net.o').trim().split('\n').at(-1)!.trim().split(/\s+/).map(Number);
  const symbols = symbolBytes(resnet20.folder, 'net.o');
  const tables = [...symbols].reduce(
    (sum, [name, bytes]) => sum + (/^(weights|multipliers|biases|shifts)_/.test(name) ? bytes : 0),
    0,
  );
  expect(text! - tables).toBeLessThan(6000);
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
