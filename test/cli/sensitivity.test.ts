/** `mpdnn sensitivity` on tiny runs. */

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { network } from '../../src/nn/index.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { mpdnn, resultFiles, succeeds, writeTinyConfig } from './runMpdnn.js';

const folder = temporaryFolder();

beforeAll(async () => {
  writeTinyConfig(folder);
  const call = (name: string, ...more: string[]) =>
    succeeds(['train', name, '--cfg', 'tiny.cfg', '--out', '.', '--no-plots', '--epochs', '1', ...more], folder);
  await call('FLOAT');
  await call('BUDGET', '--select', 'validation', '--validation-split', '16');
});

/** The tensors that can have other bits than they have. */
interface Found {
  readonly images: number;
  readonly of: string;
  readonly learned: { readonly loss: number; readonly error: number };
  readonly tensors: readonly {
    readonly tensor: string;
    readonly role: string;
    readonly bits: number;
    readonly others: readonly { readonly bits: number; readonly loss: number }[];
  }[];
  readonly opinion: { readonly bits: readonly number[]; readonly loss: number };
}

it('measures every tensor at other bits, and leaves the run as it was', async () => {
  const before = resultFiles(join(folder, 'BUDGET'));
  const { stdout } = await succeeds(['sensitivity', 'BUDGET', '--last', '--json', '--no-plots'], folder);
  const found: Found = JSON.parse(stdout);
  expect([found.images, found.of]).toEqual([16, 'validation']);
  expect(found.tensors.map(({ tensor, role }) => `${tensor} ${role}`)).toEqual([
    'conv1/quantized_conv/W weight',
    'conv1 activation',
    'conv2/quantized_conv/W weight',
    'conv2 activation',
    'fc/quantized_affine/W weight',
    'fc/quantized_affine/b bias',
  ]);
  for (const { bits, others, role } of found.tensors) {
    const least = Math.max(role === 'activation' ? 1 : 2, bits - 2);
    const wanted = Array.from({ length: bits + 1 - least + 1 }, (_, at) => least + at).filter((each) => each !== bits);
    expect(others.map((other) => other.bits)).toEqual(wanted);
    // Other levels, other logits.
    for (const { loss } of others.filter((other) => other.bits < bits)) expect(loss).not.toBe(found.learned.loss);
  }
  expect(resultFiles(join(folder, 'BUDGET'))).toEqual(before);
});

it('says the error that eval says, in words and a picture', async () => {
  const { stdout } = await succeeds(['sensitivity', 'BUDGET', '--last', '--images', '8', '--fewer', '1'], folder);
  expect(stdout).toMatch(/^error [\d.]+ % {2}loss [\d.]+ {2}on 8 validation images$/m);
  expect(stdout).toMatch(/^tensor +role +bits +kB a bit +−1 bit +\+1 bit +second opinion$/m);
  expect(stdout).toMatch(/^the same allocation from these losses/m);
  for (const type of ['svg', 'png']) expect(existsSync(join(folder, `BUDGET/plots/sensitivity.${type}`))).toBe(true);
});

it('tells what it has measured before it draws, where --out says', async () => {
  const call = ['sensitivity', 'BUDGET', '--last', '--images', '8', '--fewer', '1'];
  const { stdout } = await succeeds([...call, '--out', 'drawn'], folder);
  expect(stdout).toMatch(/\ndrawn\/sensitivity\.svg\ndrawn\/sensitivity\.png\n$/);
  expect(await mpdnn([...call, '--out', 'BUDGET/config.json'], folder)).toMatchObject({
    code: 2,
    stdout: stdout.replaceAll(/^drawn.*\n/gm, ''),
    stderr: expect.stringMatching(
      /^mpdnn: BUDGET\/config\.json.*: a file stands where a folder is needed; choose another folder with --out$/m,
    ),
  });
  expect(await mpdnn([...call, '--out', 'drawn', '--no-plots'], folder)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^mpdnn: option '--no-plots' cannot be used with option '--out <dir>'$/m),
  });
});

it('refuses networks whose bits cannot change, and other images', async () => {
  expect(await mpdnn(['sensitivity', 'FLOAT'], folder)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^mpdnn: FLOAT: no tensor can have other bits than it has: the network is float/m),
  });
  expect(await mpdnn(['sensitivity', 'nowhere'], folder)).toMatchObject({ code: 2 });
  expect(await mpdnn(['sensitivity', 'BUDGET', '--images', '0'], folder)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('give a whole number from 1 on'),
  });
  expect(await mpdnn(['sensitivity', 'BUDGET', '--fewer', '0', '--more', '0'], folder)).toMatchObject({
    code: 2,
    stderr: 'mpdnn: --fewer 0 --more 0: nothing is left to measure\n',
  });
});

it('shows kB a bit of small tensors, too', async () => {
  const definition = network({ input: [1, 1, 2] }, (n, x) => n.linear(n.flatten(x), 4));
  writeFileSync(join(folder, 'lines.mjs'), `export default ${JSON.stringify(definition)};`);
  const lines = Array.from({ length: 40 }, (_, at) => `${at % 4},${at % 3},${at % 4}`);
  writeFileSync(join(folder, 'lines.csv'), ['a,b,class', ...lines].join('\n'));
  const settings = ['--epochs', '2', '--batch-size', '8', '--device', 'cpu'];
  await succeeds(
    ['train', '--model', './lines.mjs', '--data', 'csv:lines.csv', ...settings, '--name', 'LINES', '--no-plots'],
    folder,
  );
  const { stdout } = await succeeds(['sensitivity', 'experiments/LINES', '--no-plots'], folder);
  // Eight weights and four biases, of 8192 bits in a kB.
  expect(stdout).toMatch(/^linear1\.weight +weight +\d +0\.000977 /m);
  expect(stdout).toMatch(/^linear1\.bias +bias +\d +0\.000488 /m);
});
