/** A run from arrays of floats: trained, gone on with, evaluated, asked for single inputs; refused for what it is not. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { network } from '../../src/nn/index.js';
import { load } from '../../src/runtime/index.js';
import { npy, zip } from '../arrayFiles.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { mpdnn, succeeds } from './runMpdnn.js';

const folder = temporaryFolder();
const write = (name: string, bytes: Uint8Array | string) => writeFileSync(join(folder, name), bytes);

/** Two classes, of values around ±4. */
function inputs(count: number): { x: Float32Array; y: Uint8Array } {
  const y = Uint8Array.from({ length: count }, (_, index) => index % 2);
  const x = Float32Array.from(
    { length: 24 * count },
    (_, place) => 8 * y[Math.floor(place / 24)]! - 4 + (place % 5) / 8,
  );
  return { x, y };
}

it('is trained, evaluated and asked', async () => {
  const [train, test] = [inputs(32), inputs(8)];
  write(
    'a.npz',
    zip({
      'x_train.npy': npy([32, 6, 4], train.x),
      'y_train.npy': npy([32], train.y),
      'x_test.npy': npy([8, 6, 4], test.x),
      'y_test.npy': npy([8], test.y),
      'x_val.npy': npy([8, 6, 4], test.x),
      'y_val.npy': npy([8], test.y),
    }),
  );
  write('a.cfg', '[A]\nmodel = tiny\nepochs = 2\nbatch_size = 8\ndevice = cpu\nthreads = 1\nselect = validation\n');
  const train1 = ['train', 'A', '--cfg', 'a.cfg', '--data', 'arrays:a.npz', '--no-plots', '--out', 'runs'];
  const { stderr, stdout } = await succeeds(train1, folder);
  expect(stderr).toContain('32 images  8 more held out to choose by');
  expect(stdout).toContain('predict runs/A FILE.npy');
  const { settings, data } = JSON.parse(readFileSync(join(folder, 'runs/A/config.json'), 'utf8'));
  expect(settings).toMatchObject({ mean: null, std: null, augment_shift: 0, augment_mirror: false });
  expect(data).toMatchObject({ classes: ['0', '1'], image: [6, 4, 1], values: 'floats', scale: [1], offset: [0] });
  expect(data.fingerprints.test).toMatch(/^floats:/);

  const evaluated = JSON.parse((await succeeds(['eval', 'runs/A', '--json'], folder)).stdout);
  expect(evaluated).toMatchObject({ error: 0, images: 8 });
  write('two.npy', npy([2, 6, 4], test.x.slice(0, 48)));
  const asked = JSON.parse((await succeeds(['predict', 'runs/A', 'two.npy', '--json'], folder)).stdout);
  expect(asked).toMatchObject([
    { file: 'two.npy[0]', class: '0' },
    { file: 'two.npy[1]', class: '1' },
  ]);

  const refused = async (args: string[], message: string) =>
    expect(await mpdnn(args, folder)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(message) });
  write('bytes.npy', npy([6, 4], new Uint8Array(24)));
  await refused(['predict', 'runs/A', 'bytes.npy'], 'mpdnn: bytes.npy: holds bytes, the network takes floats');
  await refused(['predict', 'runs/A', 'a.png'], 'mpdnn: a.png: no such file');
  await refused(['predict', 'runs/A', 'a.cfg'], 'mpdnn: a.cfg: this network takes floats; give .npy files');
  await refused(['export', 'runs/A'], 'is not quantized; set w_quantize');
  await refused(
    [...train1, '--name', 'B', '--validation-split', '4'],
    'the data bring 8 inputs to choose by; leave it out',
  );
});

it('is exported where its inputs are quantized: the runtime takes numbers, files say how they become bytes', async () => {
  const quantized = ['--w-quantize', 'fp', '--w-bitwidth', '6', '--a-quantize', 'fp_relu', '--a-bitwidth', '6'];
  const call = ['train', 'A', '--cfg', 'a.cfg', '--data', 'arrays:a.npz', '--no-plots', '--out', 'runs', '--name', 'Q'];
  await succeeds([...call, ...quantized, '--a-quantize-input', 'true', '--mean', '0.5', '--std', '2'], folder);
  const { deployed, error } = JSON.parse((await succeeds(['eval', 'runs/Q', '--deployed', '--json'], folder)).stdout);
  expect(deployed).toMatchObject({ error, different_predictions: 0 });
  const { input_quantization: made, layers } = JSON.parse(
    (await succeeds(['export', 'runs/Q', '--json'], folder)).stdout,
  );
  expect(made).toMatchObject({ scale: [0.5], offset: [-0.25] });
  expect(layers.every(({ proven }: { proven: boolean | null }) => proven !== false)).toBe(true);
  expect(String(readFileSync(join(folder, 'runs/Q/export/c/a.h')))).toContain(
    `#define A_INPUT_SCALES {0.5}\n#define A_INPUT_OFFSETS {-0.25}\n#define A_INPUT_STEP ${made.step}\n`,
  );

  const network = await load(readFileSync(join(folder, 'runs/Q/export/net.safetensors')));
  const { x } = inputs(1);
  const codes = Array.from(x, (v) => Math.round(Math.abs(v * 0.5 - 0.25) / made.step) * Math.sign(v * 0.5 - 0.25));
  const cut = codes.map((code) => made.zero + Math.min(Math.max(code, -made.limit), made.limit));
  expect([...network.bytes(x)]).toEqual(cut);
  expect([...network.logits(x)]).toEqual([...network.trace(Uint8Array.from(cut), () => {})]);
});

it('ends with what learned bits save, in digits that small networks need, and with nothing of activations where there are none', async () => {
  const bytes = Uint8Array.from({ length: 40 * 24 }, (_, place) => 100 * (Math.floor(place / 24) % 2) + (place % 7));
  const x = npy([40, 6, 4], bytes);
  const y = npy(
    [40],
    Uint8Array.from({ length: 40 }, (_, index) => index % 2),
  );
  write('bytes.npz', zip({ 'x_train.npy': x, 'y_train.npy': y, 'x_test.npy': x, 'y_test.npy': y }));
  const net = network({ input: [6, 4, 1] }, (n, image) => n.linear(n.flatten(image), 2));
  write('logistic.mjs', `export default ${JSON.stringify(net)};`);
  const call = ['train', '--model', './logistic.mjs', '--data', 'arrays:bytes.npz', '--epochs', '2', '--no-plots'];
  const { stdout, stderr } = await succeeds([...call, '--device', 'cpu'], folder);
  expect(stderr).not.toContain('NOTE');
  expect(stderr).toMatch(/^epoch 1\/1 .* W 0\.\d{4}\/0\.0196 kB {2}A\(max\) 0\.0 kB .* inside/m);
  expect(stdout).toMatch(/^ {2}weights +0\.195 kB +→ +0\.0\d{3} kB +\d+\.\d times smaller$/m);
  expect(stdout).not.toMatch(/largest activation|NaN/);
  expect(stdout).toContain('predict experiments/bytes FILE.npy');
  expect(stdout).toMatch(/^ {2}export +npx mpdnn export experiments\/bytes$/m);
  await succeeds(['init', 'chosen.cfg', '--model', './logistic.mjs', '--data', 'arrays:a.npz'], folder);
  expect(readFileSync(join(folder, 'chosen.cfg'), 'utf8')).toMatch(/^select = validation$/m);
  expect(await mpdnn(['predict', 'experiments/bytes', 'chosen.cfg'], folder)).toMatchObject({
    code: 2,
    stderr: 'mpdnn: chosen.cfg: this network takes 1-channel inputs, images have 3; give .npy files\n',
  });
  const exported = await succeeds(['export', 'experiments/bytes', '--no-plots'], folder);
  expect(exported.stdout).toMatch(/experiments\/bytes\/export: net\.safetensors, net\.onnx, c\/.* test-images\/0\.png/);
});

it('standardises features as the weights were that a recommended training starts from', async () => {
  const features = (file: string, scale: number) => {
    const x = npy(
      [40, 2],
      Float32Array.from({ length: 80 }, (_, i) => scale * Math.sin(i) + (i % 2)),
    );
    const y = npy(
      [40],
      Uint8Array.from({ length: 40 }, (_, i) => i % 2),
    );
    write(file, zip({ 'x_train.npy': x, 'x_test.npy': x, 'y_train.npy': y, 'y_test.npy': y }));
  };
  features('old.npz', 1);
  features('new.npz', 9);
  const short = ['--epochs', '2', '--no-plots', '--device', 'cpu'];
  const meanIn = (file: string) => /^mean = .*$/m.exec(readFileSync(join(folder, file), 'utf8'))?.[0];
  await succeeds(['train', '--data', 'arrays:old.npz', ...short, '--out', 'std'], folder);
  await succeeds(['train', '--data', 'arrays:old.npz', '--mean', '0', ...short, '--out', 'raw'], folder);
  await succeeds(['init', 'old.cfg', '--data', 'arrays:old.npz'], folder);
  for (const [out, mean] of [
    ['std', meanIn('old.cfg')],
    ['raw', 'mean = 0'],
  ] as const) {
    const weights = ['--weights', `${out}/old-float/params_best.safetensors`];
    await succeeds(['init', `${out}.cfg`, '--data', 'arrays:new.npz', ...weights], folder);
    expect(meanIn(`${out}.cfg`), out).toBe(mean);
  }
  expect(meanIn('old.cfg')).toMatch(/^mean = 0\.02\d+,1\.01\d+$/);
});
