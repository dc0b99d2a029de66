/**
 * A run from a table: standardised by its training lines, described in config.json, and predicting by names of columns.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { network } from '../../src/nn/index.js';
import { load } from '../../src/runtime/index.js';
import { folderOf, run, warnings } from '../ship/cProgram.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { mpdnn, succeeds } from './runMpdnn.js';

const folder = temporaryFolder();
const write = (name: string, text: string) => writeFileSync(join(folder, name), text);

it('is trained, evaluated and asked', async () => {
  const lines = Array.from({ length: 40 }, (_, line) => {
    const kind = line % 2 === 0 ? 'cold' : 'warm';
    return `${(kind === 'cold' ? -1000 : 1000) + line},${line % 3},${kind},${line < 32 ? 'train' : 'test'}`;
  });
  write('a.csv', `heat,noise,class,split\n${lines.join('\n')}\n`);
  write('a.cfg', '[A]\nmodel = tiny\nepochs = 4\nbatch_size = 8\ndevice = cpu\nthreads = 1\n');
  const out = ['--no-plots', '--out', 'runs'];
  await succeeds(['train', 'A', '--cfg', 'a.cfg', '--data', 'csv:a.csv', ...out], folder);
  const { data } = JSON.parse(readFileSync(join(folder, 'runs/A/config.json'), 'utf8'));
  expect(data).toMatchObject({
    classes: ['cold', 'warm'],
    image: [1, 1, 2],
    features: { of: 'columns', names: ['heat', 'noise'] },
    values: 'floats',
  });
  // Mean 15.5 and deviation of ±1000 with a ramp of 32 lines.
  expect(1 / data.scale[0]).toBeCloseTo(1000.5, 0);
  expect(-data.offset[0] / data.scale[0]).toBeCloseTo(15.5, 6);

  expect(JSON.parse((await succeeds(['eval', 'runs/A', '--json'], folder)).stdout).images).toBe(8);
  write('asked.csv', 'noise,heat\n1,-990\n1,990\n');
  const asked = JSON.parse((await succeeds(['predict', 'runs/A', 'asked.csv', '--json'], folder)).stdout);
  expect(asked.map(({ file }: { file: string }) => file)).toEqual(['asked.csv[0]', 'asked.csv[1]']);
  expect(asked[0].logits).not.toEqual(asked[1].logits);

  write('others.csv', 'cold_heat,noise,class\n1,2,cold\n1,2,warm\n');
  const { code, stderr } = await mpdnn(['eval', 'runs/A', '--data', 'csv:others.csv'], folder);
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining('features were {"of":"columns","names":["heat","noise"]}, now'),
  ]);
});

it('is exported in every form where a fully connected layer is the whole network', async () => {
  const net = network({ input: [1, 1, 2] }, (n, x) => n.linear(n.flatten(x), 2));
  write('line.mjs', `export default ${JSON.stringify(net)};`);
  const fixed = ['--w-quantize', 'fp', '--w-bitwidth', '6', '--a-quantize', 'fp_relu', '--a-bitwidth', '6'];
  const call = ['train', 'A', '--cfg', 'a.cfg', '--model', './line.mjs', '--name', 'LINE', '--data', 'csv:a.csv'];
  const { stderr } = await succeeds(
    [...call, ...fixed, '--a-quantize-input', 'true', '--no-plots', '--out', 'runs'],
    folder,
  );
  expect(stderr).not.toContain('NOTE');
  const { error, deployed } = JSON.parse(
    (await succeeds(['eval', 'runs/LINE', '--deployed', '--json'], folder)).stdout,
  );
  expect(deployed).toMatchObject({ error, different_predictions: 0 });
  const { stdout } = await succeeds(['export', 'runs/LINE', '--no-plots'], folder);
  expect(stdout).toContain('runs/LINE/export: net.safetensors, net.onnx, c/');

  const exported = (file: string) => readFileSync(join(folder, 'runs/LINE/export', file));
  const header = exported('c/a.h').toString();
  expect(header).toContain('A line of a table: a byte for each column, in the order of A_COLUMN_NAMES.');
  expect(header).toContain('#define A_COLUMN_NAMES {"heat", "noise"}\n');
  const { features, input_quantization } = JSON.parse(exported('export.json').toString());
  expect(features.names).toEqual(['heat', 'noise']);
  // A line by hand, as docs/shipping.md has it in C.
  const { scale, offset, step, limit, zero } = input_quantization;
  const steps = [-990, 2].map((v, i) => Math.round((v * scale[i] + offset[i]) / step));
  const bytes = steps.map((each) => zero + Math.max(-limit, Math.min(each, limit)));
  const shipped = await load(exported('net.safetensors'));
  expect(shipped.columns).toEqual(['heat', 'noise']);
  expect([...shipped.bytes([-990, 2])]).toEqual(bytes);
  for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, 'a' as unknown as number]) {
    expect(() => shipped.bytes([-990, wrong])).toThrow(`number 1 is ${wrong}; all have to be finite`);
  }
  // The same with the macros of the header.
  const program = `#include <math.h>
#include <stdio.h>
#include "a.h"
int main(void) {
  static const double scale[] = A_INPUT_SCALES, offset[] = A_INPUT_OFFSETS, v[] = {-990, 2};
  for (int i = 0; i < A_INPUTS; i++) {
    const double steps = round((v[i] * scale[i] + offset[i]) / A_INPUT_STEP);
    printf("%d\\n", (uint8_t)(128 + fmax(-A_INPUT_LIMIT, fmin(steps, A_INPUT_LIMIT))));
  }
  return 0;
}
`;
  const c = folderOf(
    new Map([
      ['main.c', program],
      ['a.h', header],
    ]),
  );
  run(c, 'gcc', ...warnings, 'main.c', '-lm', '-o', 'main');
  expect(run(c, './main')).toBe(bytes.map((byte) => `${byte}\n`).join(''));
  expect(shipped.classify([-990, 2])[0]!.name).toBe('cold');
});

it('has targets with names, which predictions tell', async () => {
  write(
    'two.csv',
    `x,target_a,target_b\n${Array.from({ length: 20 }, (_, i) => `${i / 9 - 1},${i % 2},${-i / 9}\n`).join('')}`,
  );
  const call = ['train', '--data', 'csv:two.csv', '--loss', 'values', '--epochs', '2', '--no-plots', '--device', 'cpu'];
  await succeeds([...call, '--out', 'named'], folder);
  const { stdout } = await succeeds(['predict', 'named/two', 'two.csv'], folder);
  expect(stdout.split('\n')[0]).toMatch(/^two\.csv\[0\] +a -?[\d.e-]+, b -?[\d.e-]+$/);
});

it('has no pixels to move', async () => {
  const call = ['train', 'A', '--cfg', 'a.cfg', '--data', 'csv:a.csv', '--out', 'moved'];
  for (const moved of ['--augment-shift 2', '--augment-mirror true']) {
    const { code, stderr } = await mpdnn([...call, ...moved.split(' ')], folder);
    const said = moved.replace(' ', ' = ');
    expect([code, stderr]).toEqual([
      2,
      `mpdnn: ${said}: moves pixels, and inputs of csv:a.csv are numbers; leave it out\n`,
    ]);
  }
});

it('is measured tensor by tensor with its own scales, which a front takes, too', async () => {
  const rows = Array.from({ length: 40 }, (_, line) => `${line % 2 === 0 ? -90 : 110},${line % 3},${line % 2}`);
  const table = (nameOf: (line: number) => string) =>
    `heat,noise,class,split\n${rows.map((row, line) => `${row},${nameOf(line)}`).join('\n')}\n`;
  write(
    'b.csv',
    table((line) => (line < 32 ? 'train' : 'test')),
  );
  // The lines for training, to evaluate on.
  write(
    'same.csv',
    table((line) => (line < 32 ? 'test' : 'train')),
  );
  write('b.cfg', '[B]\nmodel = tiny\nepochs = 4\nbatch_size = 8\ndevice = cpu\nthreads = 1\n');
  const kinds = ['--w-quantize', 'parametric_fp_d_xmax', '--a-quantize', 'parametric_fp_d_xmax_relu'];
  const call = ['--cfg', 'b.cfg', '--data', 'csv:b.csv', '--mean', '10,1', '--std', '100,1'];
  await succeeds(['train', 'B', ...call, ...kinds, '--no-plots', '--out', 'runs'], folder);
  const { learned } = JSON.parse((await succeeds(['sensitivity', 'runs/B', '--json', '--no-plots'], folder)).stdout);
  const same = JSON.parse((await succeeds(['eval', 'runs/B', '--data', 'csv:same.csv', '--json'], folder)).stdout);
  expect([learned.error, learned.loss]).toEqual([same.error, same.loss]);

  const all = ['--limit-train', 'all', '--limit-val', 'all', '--validation-split', '4', '--batch-size', '8'];
  const { stdout } = await succeeds(['front', 'B', ...call, ...all, '--quick', '--dry-run'], folder);
  expect(stdout).toMatch(/^\d+ runs, the report goes to front-quick\/report$/m);
});

it('trains in float and with learned bits, with notes on its targets told once', async () => {
  const rows = Array.from({ length: 40 }, (_, line) => `${line},${300 + (line % 2)},${line < 32 ? 'train' : 'test'}`);
  write('far.csv', `x,target,split\n${rows.join('\n')}\n`);
  const net = network({ input: [1, 1, 1] }, (n, x) => n.linear(n.flatten(x), 1));
  write('far.mjs', `export default ${JSON.stringify(net)};`);
  const call = ['train', '--data', 'csv:far.csv', '--loss', 'values', '--model', './far.mjs', '--epochs', '4'];
  const { stderr } = await succeeds([...call, '--device', 'cpu', '--no-plots', '--out', 'runs'], folder);
  expect(stderr.match(/^epoch 2\/2/gm)).toHaveLength(2);
  expect(stderr.match(/^NOTE: csv:far\.csv: targets .*$/gm)).toHaveLength(1);
});
