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

  it.each([
    [['--input', '32x32'], 'give height, width and channels, such as 32x32x3'],
    [['--classes', 'ten'], 'give a whole number from 1 on'],
    [['--w-bitwidth', '9'], '--w-bitwidth = 9: must be from 2 to 8'],
  ])('refuses %j in one line', async (args, message) => {
    const { code, stderr } = await mpdnn(['inspect', 'resnet20', ...args], folder);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^mpdnn: [^\n]+\n$/);
    expect(stderr).toContain(message);
  });
});
