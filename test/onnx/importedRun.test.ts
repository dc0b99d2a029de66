/** A run of a network of an ONNX file: from its weights, evaluated without it. */

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mpdnn, succeeds, writeTinyConfig } from '../cli/runMpdnn.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { OnnxModel } from './onnxModel.js';
import { residual } from './residual.js';

const folder = temporaryFolder();
const cfg = writeTinyConfig(folder);
const train = ['train', 'FLOAT', '--cfg', cfg, '--no-plots', '--model', 'net.onnx'];

it('a network of an ONNX file starts from its weights, and is evaluated without it', async () => {
  writeFileSync(join(folder, 'net.onnx'), residual(false, { side: 32, classes: 10 }));
  const inspected = JSON.parse((await succeeds(['inspect', 'net.onnx', '--json'], folder)).stdout);
  expect(inspected.layers.map(({ name }: { name: string }) => name)).toContain('layer1.downsample.0');
  const { stderr } = await succeeds([...train, '--name', 'IMPORTED'], folder);
  expect(stderr).toMatch(/starts from net\.onnx: \d+ tensors taken, 0 fresh, 0 unused/);
  const fresh = await succeeds([...train, '--name', 'FRESH', '--weights', 'none'], folder);
  expect(fresh.stderr).not.toContain('starts from');
  rmSync(join(folder, 'net.onnx'));
  await succeeds(['eval', 'experiments/IMPORTED'], folder);
});

it('one for other classes gets a last layer for those of the data', async () => {
  writeFileSync(join(folder, 'seven.onnx'), residual(false, { side: 32, classes: 7 }));
  const { stderr } = await succeeds([...train.with(-1, 'seven.onnx'), '--name', 'OTHERS'], folder);
  expect(stderr).toMatch(/starts from seven\.onnx: .*, 2 fresh \(fc\.weight, fc\.bias\).* other classes\n/);
  const inspected = await succeeds(['inspect', 'seven.onnx', '--classes', '3', '--json'], folder);
  expect(JSON.parse(inspected.stdout).outputs).toBe(3);
  rmSync(join(folder, 'seven.onnx'));
  const { images } = JSON.parse((await succeeds(['eval', 'experiments/OTHERS', '--json'], folder)).stdout);
  expect(images).toBeGreaterThan(0);
});

it('one that cannot be taken is refused before anything is written', async () => {
  const m = new OnnxModel();
  writeFileSync(join(folder, 'net.onnx'), m.file([3, 32, 32], m.node('Elu', ['x'])));
  const { code, stderr } = await mpdnn([...train, '--name', 'REFUSED'], folder);
  expect(code).toBe(2);
  expect(stderr).toBe('mpdnn: --model = net.onnx: cannot be imported, 1 fault: Elu: there is no such layer (t0)\n');
});

it('one whose batch normalisations were folded is said to start better from another export', async () => {
  const told = async (file: string, isFolded: boolean) => {
    writeFileSync(join(folder, file), residual(isFolded, { side: 32, classes: 10 }));
    return (await succeeds([...train.with(-1, file), '--name', file], folder)).stderr;
  };
  expect(await told('folded.onnx', true)).toMatch(
    /measured on training images; .* training=PRESERVE, do_constant_folding=False keeps them and starts better/,
  );
  expect(await told('kept.onnx', false)).not.toContain('do_constant_folding');
});
