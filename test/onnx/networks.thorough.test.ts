/**
 * The networks that `networks/export.py` exported with PyTorch: they compute what onnxruntime does; from their weights they
 * are trained with learned bits under a budget, and shipped as integers in which all programs agree.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { elementCount } from '../../src/elementCount.js';
import { npy, zip } from '../arrayFiles.js';
import { succeeds } from '../cli/runMpdnn.js';
import { mulberry32 } from '../mulberry32.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { agreement } from './agreement.js';

const networks = 'test/onnx/networks';
const files = readdirSync(networks).filter((name) => name.endsWith('.onnx'));
const folder = temporaryFolder();
/** Files with a batch normalisation behind every convolution; the exporter folds none behind a linear layer. */
const withBatchNorm = /^(?!(lenet|squeezenet|densenet)\.)\w+\.onnx$|^mlp/;
const cfg = `[LEARNED]
epochs = 3
batch_size = 16
device = cpu
threads = 1
initial_learning_rate = 0.05
w_quantize = parametric_fp_d_xmax
a_quantize = parametric_fp_d_xmax_relu
a_quantize_linear = true
a_quantize_input = true
budget = guaranteed
`;
writeFileSync(join(folder, 'a.cfg'), cfg);

/** Sizes of one input: [C,H,W], [C,L] or [F]. */
function inputShape(file: Uint8Array): number[] {
  const { type } = fromBinary(ModelProtoSchema, file).graph!.input[0]!;
  if (type?.value.case !== 'tensorType') throw new Error('the input is no tensor');
  return type.value.value.shape!.dim.slice(1).map(({ value }) => Number(value.value));
}

/** Noise around a pattern for each of ten classes. */
function writeInputs(name: string, [channels, ...sizes]: readonly number[]): void {
  const [rows, columns] = sizes.length === 2 ? sizes : [1, sizes[0] ?? 1];
  const shape = [rows!, columns!, channels!];
  const count = elementCount(shape);
  const random = mulberry32(1);
  const patterns = Array.from({ length: 10 }, () => Float32Array.from({ length: count }, () => 2 * random() - 1));
  const part = (images: number) => {
    const y = Uint8Array.from({ length: images }, (_, image) => image % 10);
    const x = new Float32Array(images * count);
    for (let at = 0; at < x.length; at++) x[at] = patterns[y[Math.floor(at / count)]!]![at % count]! + random() - 0.5;
    return { x: npy([images, ...shape], x), y: npy([images], y) };
  };
  const [train, test] = [part(64), part(20)];
  const arrays = { 'x_train.npy': train.x, 'y_train.npy': train.y, 'x_test.npy': test.x, 'y_test.npy': test.y };
  writeFileSync(join(folder, `${name}.npz`), zip(arrays));
}

describe.each(files)('%s', (name) => {
  const file = readFileSync(join(networks, name));
  const shape = inputShape(file);

  it('computes what onnxruntime does', async () => {
    const { difference, spread } = await agreement(file, shape, 16);
    expect(difference).toBeLessThan(1e-5);
    expect(spread).toBeGreaterThan(0.05);
  });

  it('is trained with learned bits under a budget, and shipped', async () => {
    writeInputs(name, shape);
    writeFileSync(join(folder, name), file);
    const { float } = JSON.parse((await succeeds(['inspect', name, '--json'], folder)).stdout);
    const targets = { weights: float.weights / 6, activations: float.max / 7 };
    const learned = ['train', 'LEARNED', '--cfg', 'a.cfg', '--no-plots', '--name', name, '--model', name];
    const budget = ['--target-weight-kbytes', targets.weights, '--target-activation-kbytes', targets.activations];
    const { stderr } = await succeeds([...learned, ...budget.map(String), '--data', `arrays:${name}.npz`], folder);
    expect(stderr).toMatch(/tensors taken, 0 fresh, 0 unused/);
    expect(stderr.includes('batch normalisations where the file has none')).toBe(!withBatchNorm.test(name));
    const [, ...epochs] = read(name, 'results.csv').trim().split('\n');
    const losses = epochs.map((line) => Number(line.split(',')[3]));
    expect(losses.at(-1)).toBeLessThan(losses[0]!);

    await succeeds(['export', `experiments/${name}`], folder);
    const { checks, weights_kb } = JSON.parse(read(name, 'export/export.json'));
    expect(weights_kb).toBeLessThanOrEqual(targets.weights);
    expect(Object.keys(checks)).toHaveLength(5);
    for (const check of Object.values(checks)) expect(check).toMatchObject({ activations: 0, logits: 0, images: 8 });
  });
});

it('PyTorch’s own file of parameters fits the network of its export', async () => {
  writeInputs('resnet18', [3, 32, 32]);
  const files = ['resnet18.onnx', 'resnet18.pt'].map((name) => resolve(networks, name));
  const train = [
    'train',
    'LEARNED',
    '--cfg',
    'a.cfg',
    '--no-plots',
    '--name',
    'STATE',
    '--data',
    'arrays:resnet18.npz',
  ];
  const { stderr } = await succeeds(
    [...train, '--target-weight-kbytes', '20', '--model', files[0]!, '--weights', files[1]!],
    folder,
  );
  expect(stderr).toMatch(/starts from \S+resnet18\.pt: 102 tensors taken, 0 fresh, 0 unused\n/);
});

function read(name: string, file: string): string {
  return readFileSync(join(folder, 'experiments', name, file), 'utf8');
}
