/** `mpdnn inspect` for networks with published numbers. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { network } from '../../src/nn/index.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { mpdnn, succeeds } from './runMpdnn.js';

const folder = temporaryFolder();
const inspect = async (...args: string[]) =>
  JSON.parse((await succeeds(['inspect', ...args, '--json'], folder)).stdout);

describe('inspect', () => {
  // Parameters as torchvision counts them; multiplications as the papers print them: 1.8 G, 300 M, 41 M.
  it.each([
    ['resnet18', 11_689_512, 1.814e9],
    ['mobilenetv2', 3_504_872, 0.3008e9],
    ['resnet20', 269_722, 40.55e6],
  ])('counts parameters and multiplications of %s', async (model, parameters, multiplications) => {
    const found = await inspect(model);
    expect(found.parameters).toBe(parameters);
    expect(found.multiplications / multiplications).toBeCloseTo(1, 3);
  });

  it('tells kB at given bits, the lowest budget, and what rules change', async () => {
    const found = await inspect('resnet20', '--w-bitwidth', '8', '--layers', 'fc/*: w_bitwidth = 2');
    const [fc, others] = [650, 267_696];
    expect(found.kbytes.weights).toBe((8 * others + 2 * fc) / 8192);
    expect(found.fewest.weights).toBe((2 * (others + fc)) / 8192);
    expect(found.float.weights).toBe((32 * (others + fc)) / 8192);
    expect(found.layers.at(-1)).toMatchObject({ name: 'fc', weightBits: 2, outputBits: null, shape: [10] });
  });

  it('tells the lowest budget that pruning can keep, which is the one that training names', async () => {
    const budget = ['--budget', 'guaranteed', '--budget-prune', 'true', '--budget-prune-step', '4'];
    const args = ['resnet20', ...budget, '--target-weight-kbytes', '0.1'];
    const quantized = ['--w-quantize', 'parametric_fp_d_xmax', '--a-quantize', 'parametric_fp_d_xmax_relu'];
    const train = ['train', 'A', '--cfg', join(folder, 'empty.cfg'), '--data', 'synthetic:128'];
    writeFileSync(join(folder, 'empty.cfg'), '[A]\n');
    const { stderr } = await mpdnn([...train, '--model', ...args, ...quantized], folder);
    const [, needed] = /with the fewest bits and channels that the limits allow, weights need (\S+) kB/.exec(stderr)!;
    const { stdout } = await succeeds(['inspect', ...args], folder);
    expect(stdout).toMatch(new RegExp(`\\n--target-weight-kbytes = 0.1: cannot be met: .* weights need ${needed} kB`));
    expect(stdout).toMatch(new RegExp(`^lowest budget  ${needed} .* 2\\.00 +23\\.75 +6\\.00$`, 'm'));
  });

  it('shows where quantizers stand in a network of one’s own', async () => {
    const definition = network({ input: [12, 8, 1] }, (n, x) => {
      const wide = n.conv(x, 4);
      const sum = n.add(n.conv(wide, 4, { activation: 'none' }), wide, { activation: 'none' });
      const sides = n.concat([n.conv(sum, 2), n.conv(sum, 2)]);
      return n.linear(n.globalAverage(n.conv(sides, 2)), 3);
    });
    writeFileSync(join(folder, 'net.mjs'), `export default ${JSON.stringify(definition)};`);
    const { stdout } = await succeeds(['inspect', './net.mjs', '--a-bitwidth', '5'], folder);
    expect(stdout).toContain('./net.mjs: images of 12x8x1 at 5 bits, 3 outputs');
    expect(stdout.match(/^(conv|add|linear).*$/gm)!.map((line) => line.split(/ {2,}/).at(-1))).toEqual([
      ...['5', '-', '5 signed', '5 shared', '5 shared', '5', '-'],
    ]);
    writeFileSync(
      join(folder, 'own.cfg'),
      '[OWN]\nmodel = ./net.mjs\nloss = values\nw_quantize = pow2\nlayers = linear1*: w_bitwidth = 6\n',
    );
    const listed = await succeeds(['experiments', '--cfg', 'own.cfg'], folder);
    expect(listed.stdout).toMatch(/^\[OWN\] layers$/m);
    expect(listed.stdout).toMatch(/^linear1\.weight +pow2 +6 +linear1\*$/m);
  });

  it('says whether a budget can be kept, guaranteed or not', async () => {
    const met = await inspect('ds_cnn', '--target-weight-kbytes', '9', '--budget', 'guaranteed');
    const line = 'budget: with the fewest bits weights need 5.38 of 9 kB';
    expect(met.budget).toEqual({ canBeMet: true, line, pruned: null });
    const { budget } = await inspect('ds_cnn', '--target-weight-kbytes', '1');
    expect(budget.canBeMet).toBe(false);
    expect(budget.line).toMatch(
      /^--target-weight-kbytes = 1: cannot be met: .* weights need 5\.38 kB, 4\.38 kB too much/,
    );
    expect((await inspect('ds_cnn')).budget).toBe(null);
  });

  it('says whether a budget that all channels exceed can be kept by pruning, with what training needs then', async () => {
    const call = ['resnet8', '--target-weight-kbytes'];
    const train = ['train', '--data', 'synthetic:96', '--no-plots', '--model', ...call];
    const { stderr } = await mpdnn([...train, '0.1'], folder);
    const [, needed] = /with the fewest bits and channels that the limits allow, weights need (\S+) kB/.exec(stderr)!;
    const enough = `budget: with the fewest bits and channels weights need ${needed} of 10 kB`;
    const { budget } = await inspect(...call, '10');
    expect(budget).toMatchObject({ canBeMet: false, pruned: { canBeMet: true, line: enough } });
    const said = async (...args: string[]) =>
      (await succeeds(['inspect', ...args], folder)).stdout.split('\n\n').at(-1);
    expect(await said(...call, '10')).toBe(
      `${budget.line}\nit can with --budget guaranteed --budget-prune true; ${enough}\n`,
    );
    expect(await said(...call, '0.1')).toMatch(
      new RegExp(`\nnor can it with --budget guaranteed --budget-prune true; .* and channels .* need ${needed} kB`),
    );
    // Where it is decided, where it changes nothing, where no channel can go.
    const decided = await inspect(...call, '10', '--budget-prune', 'false');
    expect(decided.budget).toEqual({ canBeMet: false, line: budget.line, pruned: null });
    const whole = ['--target-activation-kbytes', '0.1', '--target-activation-type', 'peak'];
    expect((await inspect('resnet8', ...whole)).budget).toMatchObject({ canBeMet: false, pruned: null });
    expect((await inspect(...call, '30', ...whole)).budget).toMatchObject({ canBeMet: false, pruned: null });
    const single = network({ input: [8, 8, 3] }, (n, x) => n.linear(n.globalAverage(x), 2));
    writeFileSync(join(folder, 'single.mjs'), `export default ${JSON.stringify(single)};`);
    const none = await inspect('./single.mjs', '--target-weight-kbytes', '0.001');
    expect(none.budget).toMatchObject({ canBeMet: false, pruned: null });
  });

  it('takes a network for every loss that suits its output, and refuses the others as training does', async () => {
    const write = (name: string, definition: object) =>
      writeFileSync(join(folder, name), `export default ${JSON.stringify(definition)};`);
    write(
      'table.mjs',
      network({ input: [1, 1, 4] }, (n, x) => n.linear(n.linear(n.flatten(x), 8, { activation: 'relu' }), 1)),
    );
    write(
      'maps.mjs',
      network({ input: [8, 8, 3] }, (n, x) => n.conv(x, 2, { size: 1, batchNorm: false, activation: 'none' })),
    );
    const table = await inspect('./table.mjs');
    for (const loss of ['values', 'labels', 'classes']) {
      expect(await inspect('./table.mjs', '--loss', loss, '--classes', '1')).toEqual(table);
    }
    const maps = await inspect('./maps.mjs');
    for (const loss of ['pixels', 'values']) expect(await inspect('./maps.mjs', '--loss', loss)).toEqual(maps);
    const refused = async (wanted: string, ...args: string[]) => {
      const { code, stderr } = await mpdnn(['inspect', ...args], folder);
      expect(code).toBe(2);
      expect(stderr).toMatch(/^mpdnn: --model[^\n]+\n$/);
      expect(stderr).toContain(wanted);
    };
    await refused(
      'has 8x8x2 outputs; the data has images of 8x8x3 and loss = labels wants 2\n',
      './maps.mjs',
      '--loss',
      'labels',
    );
    await refused('has 8x8x2 outputs; the data has images of 8x8x3 and 2 classes\n', './maps.mjs', '--loss', 'classes');
    await refused('loss = pixels wants 1x1x1\n', './table.mjs', '--loss', 'pixels');
    await refused('loss = pixels wants 32x32x10 of these data', 'resnet20', '--loss', 'pixels');
  });

  it('refuses another input, or other classes, than a network of one’s own has, by the option', async () => {
    const definition = network({ input: [8, 8, 3] }, (n, x) => n.linear(n.globalAverage(x), 2));
    writeFileSync(join(folder, 'two.mjs'), `export default ${JSON.stringify(definition)};`);
    const refused = (...args: string[]) => mpdnn(['inspect', './two.mjs', ...args], folder);
    expect(await refused('--input', '32x32x3')).toMatchObject({
      code: 2,
      stderr: 'mpdnn: --input 32x32x3: ./two.mjs takes images of 8x8x3; leave it out\n',
    });
    expect(await refused('--classes', '5')).toMatchObject({
      code: 2,
      stderr: 'mpdnn: --classes 5: ./two.mjs has 2 outputs; leave it out\n',
    });
    await succeeds(['inspect', './two.mjs', '--input', '8x8x3', '--classes', '2'], folder);
  });

  it('has an autoencoder put out as many numbers as it reads, whatever the loss', async () => {
    const outputs = async (...args: string[]) => (await inspect('dense_autoencoder', ...args)).outputs;
    expect(await outputs()).toBe(640);
    expect(await outputs('--input', '1x1x16')).toBe(16);
    expect(await outputs('--input', '1x1x16', '--loss', 'values')).toBe(16);
    expect(await outputs('--input', '1x1x16', '--loss', 'values', '--target', 'input')).toBe(16);
    expect(await outputs('--classes', '3')).toBe(3);
  });

  it.each([
    [['--input', '32x32'], 'give height, width and channels, such as 32x32x3'],
    [['--classes', 'ten'], 'give a whole number from 1 on'],
    [['--w-bitwidth', '9'], '--w-bitwidth = 9: must be from 2 to 8'],
    [['--seed', '3'], "unknown option '--seed'"],
    [['--budget-search', '0.1'], "unknown option '--budget-search'"],
    [
      ['--loss', 'values', '--target', 'input', '--classes', '3'],
      '--classes 3: has no effect with --target input: outputs are as many as inputs',
    ],
  ])('refuses %j in one line', async (args, message) => {
    const { code, stderr } = await mpdnn(['inspect', 'resnet20', ...args], folder);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^mpdnn: [^\n]+\n$/);
    expect(stderr).toContain(message);
  });
});
