/** Runs of every loss: trained from arrays, their metric under its own name in files and words, evaluated and asked. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { load } from '../../src/runtime/index.js';
import { npy, zip } from '../arrayFiles.js';
import { compiledPackage } from '../compiledSources.js';
import { mulberry32 } from '../mulberry32.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { mpdnn, succeeds } from './runMpdnn.js';

const folder = temporaryFolder();
const write = (name: string, bytes: Uint8Array | string) => writeFileSync(join(folder, name), bytes);
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const entry = JSON.stringify(pathToFileURL(join(compiledPackage(), 'dist/nn/index.js')).href);

const quantized = ['--w-quantize', 'parametric_fp_d_xmax', '--a-quantize', 'parametric_fp_d_xmax_relu'];

/** 48 inputs to train, 16 to test. */
function arrays(
  name: string,
  size: readonly number[],
  shape: readonly number[],
  answer: (x: Float32Array) => number[],
) {
  const random = mulberry32(5);
  const values = size.reduce((a, b) => a * b, 1);
  const set = (count: number) => {
    const x = Float32Array.from({ length: count * values }, () => 2 * random() - 1);
    const all = Array.from({ length: count }, (_, n) => answer(x.subarray(n * values, (n + 1) * values))).flat();
    const y = all.every(Number.isInteger) ? Int32Array.from(all) : Float32Array.from(all);
    return [npy([count, ...size], x), npy([count, ...shape], y)] as const;
  };
  const [[x, y], [xTest, yTest]] = [set(48), set(16)];
  write(name, zip({ 'x_train.npy': x, 'y_train.npy': y, 'x_test.npy': xTest, 'y_test.npy': yTest }));
}

beforeAll(() => {
  arrays('values.npz', [4], [2], (x) => [x[0]! - x[1]!, x[2]!]);
  arrays('labels.npz', [4], [2], (x) => [Number(x[0]! > 0), Number(x[1]! > x[2]!)]);
  arrays('pixels.npz', [4, 4, 1], [4, 4], (x) => Array.from(x, (v, pixel) => (pixel === 5 ? 255 : Number(v > 0))));
  arrays('anomaly.npz', [4], [], (x) => [Number(Math.abs(x[0]!) > 0.5)]);
  const random = mulberry32(7);
  const some = (...shape: number[]) =>
    npy(
      shape,
      Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => 2 * random() - 1),
    );
  const inputs = { 'x_train.npy': some(48, 4), 'x_test.npy': some(16, 4) };
  write('normal.npz', zip(inputs));
  const isStrange = Int32Array.from({ length: 16 }, (_, n) => n % 2);
  write('unlabelled.npz', zip({ ...inputs, 'y_test.npy': npy([16], isStrange) }));
  const maps = (classes: number) =>
    npy(
      [16, 4, 4],
      Int32Array.from({ length: 256 }, (_, pixel) => (classes === 0 ? 255 : pixel % classes)),
    );
  const pixels = { 'x_train.npy': some(16, 4, 4, 1), 'y_train.npy': maps(2), 'x_test.npy': some(16, 4, 4, 1) };
  write('empty.npz', zip({ ...pixels, 'y_test.npy': maps(0) }));
  const file = (name: string, input: string, output: string) =>
    write(
      name,
      `import { network } from ${entry};\nexport default network({ input: [${input}] }, (n, x) => ${output});\n`,
    );
  file('dense.mjs', '1, 1, 4', "n.linear(n.linear(n.flatten(x), 8, { activation: 'relu' }), 2)");
  file('coder.mjs', '1, 1, 4', 'n.linear(n.linear(n.flatten(x), 2), 4)');
  file('maps.mjs', '4, 4, 1', "n.conv(n.conv(x, 4), 2, { size: 1, batchNorm: false, activation: 'none' })");
  write(
    'a.cfg',
    `[DEFAULT]
epochs = 2
batch_size = 8
device = cpu
threads = 1
initial_learning_rate = 0.05
weight_decay = 0
[VALUES]
model = ./dense.mjs
data = arrays:values.npz
loss = values
[LABELS]
model = ./dense.mjs
data = arrays:labels.npz
loss = labels
[PIXELS]
model = ./maps.mjs
data = arrays:pixels.npz
loss = pixels
[ANOMALY]
model = ./coder.mjs
data = arrays:anomaly.npz
loss = values
target = input
metric = auc
`,
  );
});

describe.each([
  ['VALUES', 'iter,train_mse,val_mse,', 'train MSE ', 'test MSE ', 'mse', /^output +RMSE +mean error +R²$/m],
  ['LABELS', 'iter,train_err,val_auc,', 'train err ', 'test AUC ', 'auc', /^label +there +not there +AUC$/m],
  ['PIXELS', 'iter,train_err,val_iou,', 'train err ', 'test mean IoU ', 'iou', /^class +pixels +IoU$/m],
  ['ANOMALY', 'iter,train_mse,val_auc,', 'train MSE ', 'test AUC ', 'auc', /^class +inputs +MSE$/m],
])('a run of %s', (name, header, trained, tested, metric, columns) => {
  it('is trained and evaluated under the name of its metric', async () => {
    const { stderr, stdout } = await succeeds(['train', name, '--cfg', 'a.cfg', '--no-plots', '--out', 'runs'], folder);
    expect(stderr).toContain(trained);
    expect(stderr).toContain(tested);
    expect(stdout).toContain(`best ${tested}`);
    const [first, ...rows] = read(`runs/${name}/results.csv`).trimEnd().split('\n');
    expect(first).toContain(header);
    const told = rows.map((row) => Number(row.split(',')[2]));
    const summary = JSON.parse(read(`runs/${name}/summary.json`));
    const best = metric === 'mse' ? Math.min(...told) : Math.max(...told);
    expect(summary).toMatchObject({ [`best_val_${metric}`]: best, [`last_val_${metric}`]: told[1] });
    for (const row of rows) expect(Number(row.split(',')[1])).toBeLessThan(trained.includes('MSE') ? 9 : 1);
    expect(readdirSync(join(folder, 'runs', name)).filter((file) => file.includes('accs'))).toEqual([]);
    const [begin, ...lines] = read(`runs/${name}/live.jsonl`)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(begin.task).toMatchObject({ metric });
    expect(
      lines
        .filter(({ type }) => type === 'epoch')
        .map((line) => (metric === 'mse' ? line.val_err : line[`val_${metric}`])),
    ).toEqual(told);
    const evaluated = JSON.parse((await succeeds(['eval', `runs/${name}`, '--json'], folder)).stdout);
    expect(evaluated[metric]).toBeCloseTo(best, 6);
    expect(evaluated.error).toBeUndefined();
    expect(evaluated.each).toBeUndefined();
  });

  it('is told by class or output where it errs', async () => {
    expect((await succeeds(['eval', `runs/${name}`, '--each'], folder)).stdout).toMatch(columns);
    const { each, ...all } = JSON.parse((await succeeds(['eval', `runs/${name}`, '--each', '--json'], folder)).stdout);
    expect(each).toHaveLength(2);
    const mean = (key: string) => (each[0][key] + each[1][key]) / 2;
    if (name === 'VALUES') expect((each[0].rmse ** 2 + each[1].rmse ** 2) / 2).toBeCloseTo(all.mse, 5);
    else if (name === 'ANOMALY') expect(each[0].inputs + each[1].inputs).toBe(all.images);
    else expect(mean(metric)).toBeCloseTo(all[metric], 6);
  });
});

it('inputs are asked about in the words of their loss', async () => {
  write('one.npy', npy([4], Float32Array.of(0.5, -0.5, 0.25, 0)));
  write(
    'map.npy',
    npy(
      [4, 4, 1],
      Float32Array.from({ length: 16 }, (_, i) => (i % 2) - 0.5),
    ),
  );
  const asked = async (run: string, file: string) =>
    JSON.parse((await succeeds(['predict', `runs/${run}`, file, '--json'], folder)).stdout)[0];
  expect((await asked('VALUES', 'one.npy')).values).toHaveLength(2);
  expect((await asked('LABELS', 'one.npy')).probabilities).toHaveLength(2);
  expect((await asked('ANOMALY', 'one.npy')).error).toBeGreaterThan(0);
  const { shape, classes, shares } = await asked('PIXELS', 'map.npy');
  expect([shape, classes.length, shares[0] + shares[1]]).toEqual([[4, 4], 16, 1]);
});

it('maps of classes are shipped, with the mean IoU of the integers', async () => {
  const more = [...quantized, '--a-quantize-input', 'true', '--no-plots', '--out', 'shipped'];
  const { stdout } = await succeeds(['train', 'PIXELS', '--cfg', 'a.cfg', ...more], folder);
  expect(stdout).toMatch(/in integers.*mean IoU/);
  const { deployed, iou } = JSON.parse(
    (await succeeds(['eval', 'shipped/PIXELS', '--deployed', '--json'], folder)).stdout,
  );
  expect(deployed.iou).toBeCloseTo(iou, 6);
  expect([deployed.output_shape, deployed.test_logits[0].length]).toEqual([[4, 4, 2], 32]);
  await succeeds(['export', 'shipped/PIXELS', '--no-plots'], folder);
  const { checks, test_logits } = JSON.parse(read('shipped/PIXELS/export/export.json'));
  expect(test_logits).toEqual(deployed.test_logits);
  for (const check of Object.values(checks)) expect(check).toMatchObject({ activations: 0, logits: 0, images: 8 });
});

it('numbers are shipped as such: the runtime gives them, and no classes', async () => {
  const more = [...quantized, '--a-quantize-input', 'true', '--no-plots', '--out', 'shipped'];
  await succeeds(['train', 'VALUES', '--cfg', 'a.cfg', ...more], folder);
  await succeeds(['export', 'shipped/VALUES', '--no-plots', '--to', 'packed'], folder);
  const input = Float32Array.of(0.5, -0.5, 0.25, 0);
  write('one.npy', npy([4], input));
  const { stdout } = await succeeds(['predict', 'shipped/VALUES', 'one.npy', '--json'], folder);
  const shipped = await load(readFileSync(join(folder, 'shipped/VALUES/export/net.safetensors')));
  const values = Array.from(shipped.logits(input), (logit) => logit * shipped.unit);
  JSON.parse(stdout)[0].values.forEach((value: number, output: number) => {
    expect(values[output]).toBeCloseTo(value, 5);
  });
  for (const ask of ['classify', 'predict', 'predictPixels'] as const) {
    expect(() => shipped[ask](input)).toThrow('trained with loss = values, its outputs are no classes: logits, each');
  }
});

it('sensitivity wants no anomalies among the inputs that it measures', async () => {
  const more = ['--data', 'arrays:unlabelled.npz', ...quantized, '--no-plots', '--out', 'measured'];
  await succeeds(['train', 'ANOMALY', '--cfg', 'a.cfg', ...more], folder);
  const { stdout } = await succeeds(['sensitivity', 'measured/ANOMALY', '--no-plots'], folder);
  expect(stdout).toMatch(/^MSE [\d.]+ {2}loss [\d.]+ {2}on 48 training images$/m);
  expect(await mpdnn(['eval', 'measured/ANOMALY', '--data', 'arrays:normal.npz'], folder)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('all test inputs have label 0, as inputs without labels do; give labels of both'),
  });
});

it('an anomaly run of before, with its classes in alphabetical order, is measured, but not resumed', async () => {
  const lines = Array.from({ length: 40 }, (_, n) => `${n % 7},${n % 5},1,2,${n % 2 ? 'anomaly' : 'normal'}`);
  write('order.csv', `a,b,c,d,class\n${lines.join('\n')}\n`);
  const call = ['train', 'ANOMALY', '--cfg', 'a.cfg', '--data', 'csv:order.csv', ...quantized, '--no-plots'];
  await succeeds([...call, '--metric', 'mse', '--out', 'before'], folder);
  const config = read('before/ANOMALY/config.json');
  write('before/ANOMALY/config.json', config.replace('"metric": "mse"', '"metric": "auc"'));
  const { stdout } = await succeeds(['sensitivity', 'before/ANOMALY', '--no-plots'], folder);
  expect(stdout).toMatch(/^MSE /m);
  const { stderr } = await mpdnn([...call, '--out', 'before', '--resume'], folder);
  expect(stderr).toContain('cannot resume, class 0 was');
  expect(stderr).toContain('since the order of the classes has changed');
});

it.each([
  [
    'VALUES',
    ['--data', 'synthetic:20'],
    'data = synthetic has no such targets; right would be arrays:FILE or csv:FILE',
  ],
  ['VALUES', ['--metric', 'auc'], '--metric = auc: must be mse with loss = values'],
  ['LABELS', ['--target', 'input'], '--target = input: must be data with loss = labels'],
  ['LABELS', ['--label-smoothing', '0.1'], 'must be 0 with loss = labels'],
  ['PIXELS', ['--augment-shift', '1'], '--augment-shift = 1: must be 0 with loss = pixels'],
  ['PIXELS', ['--model', 'resnet20'], 'puts out features, loss = pixels wants 4x4x2'],
  ['VALUES', ['--model', './coder.mjs'], 'has 4 outputs; the data has images of 1x1x4 and loss = values wants 2'],
  ['ANOMALY', ['--limit-val', '1'], 'metric = auc: wants normal inputs (label 0) and others; all test inputs have'],
  [
    'ANOMALY',
    ['--data', 'arrays:normal.npz'],
    'all test inputs have label 0, as inputs without labels do; give labels of',
  ],
  [
    'ANOMALY',
    ['--data', 'arrays:normal.npz', '--select', 'validation'],
    'all validation inputs have label 0, as inputs',
  ],
  ['PIXELS', ['--data', 'arrays:empty.npz'], 'metric = iou: no pixel of the test inputs has a class'],
])('%s with %s is refused in a line', async (name, more, message) => {
  const call = ['train', name, '--cfg', 'a.cfg', '--no-plots', '--out', 'other', ...more];
  const { code, stderr } = await mpdnn(call, folder);
  expect(stderr).toContain(message);
  expect(code).toBe(2);
});
