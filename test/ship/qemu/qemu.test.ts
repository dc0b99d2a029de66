/** The C network on the processors it is for, emulated: the same logits, few instructions, a small object. */

import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { multiplyAddCost } from '../../../src/quant/costs.js';
import { costTables } from '../../../src/settings/costTables.js';
import { cFiles } from '../../../src/ship/c/files.js';
import { boards, compile, emulate, link } from '../boards.js';
import { folderOf, run, symbolBytes, undefinedSymbols, warnings } from '../cProgram.js';
import { randomNetwork } from '../randomNetwork.js';
import { shippedNetwork } from '../shippable.js';
import { expectStored, tracedProgram } from '../tracedProgram.js';
import { counted, instructions, most } from './instructions.js';

const resnet20 = counted.map((name) => ({ name, ...shippedNetwork(name, 1, 32), folder: '' }));
let plugin = '';

beforeAll(() => {
  const folder = folderOf(new Map());
  plugin = resolve(folder, 'count.so');
  const source = resolve('test/ship/qemu/countInstructions.c');
  run(folder, 'gcc', '-std=c99', '-O2', '-shared', '-fPIC', '-o', plugin, source);
  for (const each of resnet20) each.folder = folderOf(cFiles(each.network, { name: 'net', images: each.images }));
});

describe.each(Object.entries(boards).map((entry, seed) => [...entry, seed] as const))('%s', (_, board, seed) => {
  it(`computes random network ${seed}`, () => {
    const { network, images } = randomNetwork(seed);
    expectStored(network, images, tracedProgram(network, { board }));
  });

  it('calls nothing but memcpy and memset', () => {
    const [{ folder }] = resnet20 as [(typeof resnet20)[0]];
    compile(folder, board, warnings);
    const allowed = ['memcpy', 'memset'];
    expect(undefinedSymbols(folder, 'net.o').filter((name) => !allowed.includes(name))).toEqual([]);
  });
});

describe.each(resnet20)('ResNet-20, $name', (network) => {
  const ran = Object.entries(instructions[network.name]);

  it.each(ran)('takes few instructions on %s', (name, expected) => {
    const board = boards[name as keyof typeof boards];
    compile(network.folder, board, warnings);
    link(network.folder, board, ['test.c', 'net.o']);
    const { said } = emulate(network.folder, board, plugin);
    expect(said).toContain('1 images, 0 logits differ');
    const executed = Number(/(\d+) instructions/.exec(said)![1]);
    expect(executed / 40_551_040).toBeLessThan(1.05 * expected);
    if (network.name === counted[0]) expect(executed / 40_551_040).toBeLessThan(most[name as keyof typeof boards] ?? 5);
    if (name === 'Cortex-M4') {
      const table = costTables['cortex-m4']!;
      const said = multiplyAddCost(table)(8, 8) * 40_550_400 + table.activation * 188_416;
      expect(Math.abs(executed / said - 1)).toBeLessThan(0.03);
    }
  });

  it('fits into 6 kB of code besides its weights and constants', () => {
    compile(network.folder, boards['Cortex-M4'], warnings);
    const sizes = run(network.folder, 'size', 'net.o').trim().split('\n').at(-1)!.trim().split(/\s+/).map(Number);
    const tables = [...symbolBytes(network.folder, 'net.o')].reduce(
      (sum, [symbol, bytes]) =>
        sum + (/^weights$|^(multipliers|biases|shifts|thresholds|codes)_/.test(symbol) ? bytes : 0),
      0,
    );
    expect(sizes[0]! - tables).toBeLessThan(6000);
  });
});
