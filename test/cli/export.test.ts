/** `mpdnn export` and `eval --deployed`: a run in integers, checked, or refused in a line with nothing written. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { beforeAll, describe, expect, it } from 'vitest';
import { crc32, hexadecimal } from '../../src/crc32.js';
import { exportFormats, exportRun } from '../../src/deploy/exportRun.js';
import { openTrained } from '../../src/deploy/trainedNetwork.js';
import { exportNetwork } from '../../src/library/exportNetwork.js';
import { network } from '../../src/nn/index.js';
import { load } from '../../src/runtime/index.js';
import { parseSafetensorsFile } from '../../src/weights/checkedSafetensors.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { mpdnn, succeeds, writeTinyConfig } from './runMpdnn.js';

const folder = temporaryFolder();
const cfg = writeTinyConfig(folder);
const train = (section: string, ...more: string[]) => [
  ...['train', section, '--cfg', cfg, '--no-plots', '--epochs', '1', ...more],
];
const read = (file: string) => readFileSync(join(folder, file));
const summaryOf = (run: string) => JSON.parse(String(read(`experiments/${run}/export/export.json`)));

async function refused(args: readonly string[], ...words: string[]): Promise<void> {
  const { code, stderr } = await mpdnn(args, folder);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringMatching(/^npx mpdnn: [^\n]+\n$|^mpdnn: [^\n]+\n$/),
  });
  for (const word of words) expect(stderr).toContain(word);
}

beforeAll(async () => {
  await succeeds(train('GUARANTEED'), folder);
  await succeeds(train('FLOAT'), folder);
  await succeeds(['export', 'experiments/GUARANTEED'], folder);
});

describe('an export', () => {
  it('names every layer, what is proven of it, and sizes that are the budget’s in whole bytes', () => {
    const { layers, bytes, weights_kb, budget_kb, checks, files } = summaryOf('GUARANTEED');
    const convolutions = layers.filter(({ op }: { op: string }) => op === 'convolution');
    expect(convolutions.map(({ name, proven }: { name: string; proven: boolean }) => [name, proven])).toEqual([
      ['conv1', true],
      ['conv2', true],
    ]);
    const sizes = JSON.parse(String(read('experiments/GUARANTEED/summary.json')));
    // Each of four tensors rounds up to whole bytes.
    expect(bytes.weights - 1024 * weights_kb).toBeGreaterThanOrEqual(0);
    expect(bytes.weights - 1024 * weights_kb).toBeLessThan(4);
    // The arena is the peak of sizes.csv to the byte, save that training counts the image while the first layer reads it.
    const [titles, ...rows] = String(read('experiments/GUARANTEED/sizes.csv'))
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    const best = rows.find(([epoch]) => epoch === `${sizes.best_epoch}`)!;
    const withImage = 3 * 32 * 32 + 16 * 16 * layers[0].activationBits;
    const peak = 1024 * Number(best[titles!.indexOf('activations_peak_kb')]);
    expect(Math.max(bytes.ram, withImage)).toBe(peak);
    const header = String(read('experiments/GUARANTEED/export/c/guaranteed.h'));
    expect(header).toContain(`_ARENA_BYTES ${bytes.ram}\n`);
    expect(header).toContain(`_RAM_BYTES ${bytes.c_ram}\n`);
    expect(header).toContain(`_CONSTANT_BYTES ${bytes.c_constants}\n`);
    expect(bytes.c_code).toBeGreaterThan(3000);
    expect(bytes.c_code).toBeLessThan(6000);
    expect(String(read('experiments/GUARANTEED/export/export.md'))).toContain(
      `| code of the C program | ${bytes.c_code} |`,
    );
    expect(weights_kb).toBeCloseTo(sizes.weights_kb, 10);
    expect(budget_kb).toEqual({ weights: 0.45, activations: 4 });
    for (const check of Object.values(checks)) expect(check).toMatchObject({ activations: 0, logits: 0, images: 8 });
    expect(Object.keys(checks).join()).toMatch(/runtime, simd.*runtime, plain.*onnxruntime, all optimisations/);
    expect(files).toEqual(expect.arrayContaining(['export.svg', 'export.png', 'test-images/2.png']));
    expect(String(read('experiments/GUARANTEED/export/export.md'))).toContain('](export.svg)');
    for (const file of files) expect(existsSync(join(folder, 'experiments/GUARANTEED/export', file))).toBe(true);
  });

  it('compares activations at once with a budget of these alone', async () => {
    await succeeds(train('GUARANTEED', '--target-activation-type', 'max', '--name', 'LARGEST'), folder);
    await succeeds(['export', 'experiments/LARGEST', '--to', 'packed'], folder);
    const lineOf = (run: string) => /the arena.*/.exec(String(read(`experiments/${run}/export/export.md`)))![0];
    expect(lineOf('GUARANTEED')).toMatch(/^the arena; training counts \d\.\d\d kB of 4 kB \|$/);
    expect(lineOf('LARGEST')).toMatch(/^the arena; training counts \d\.\d\d kB \|$/);
  });

  it('is the same bytes again', async () => {
    await succeeds(['export', 'experiments/GUARANTEED', '--out', 'again'], folder);
    for (const file of ['net.onnx', 'net.safetensors', 'export.md']) {
      expect(read(`again/${file}`).equals(read(`experiments/GUARANTEED/export/${file}`)), file).toBe(true);
    }
  });

  it('is what the library makes of the file of parameters, which the command line takes by itself, too', async () => {
    const file = 'experiments/GUARANTEED/params_best.safetensors';
    const { packed, c } = exportNetwork(read(file), { name: 'guaranteed' });
    for (const [name, text] of c) expect(text).toBe(String(read(`experiments/GUARANTEED/export/c/${name}`)));
    await succeeds(['export', file, '--to', 'packed', '--no-plots'], folder);
    const written = read('experiments/GUARANTEED/params_best-export/net.safetensors');
    const tensors = (bytes: Uint8Array) => [...parseSafetensorsFile(bytes, 'packed').tensors];
    expect(tensors(packed)).toEqual(tensors(written));
    expect(tensors(packed)).toEqual(tensors(read('experiments/GUARANTEED/export/net.safetensors')));

    const data = ['--data', 'synthetic:96', '--threads', '1', '--deployed', '--json'];
    const [ofRun, ofFile] = [
      await succeeds(['eval', 'experiments/GUARANTEED', ...data], folder),
      await succeeds(['eval', file, ...data], folder),
    ];
    const { parameters: _, ...same } = JSON.parse(ofRun.stdout);
    expect(JSON.parse(ofFile.stdout)).toMatchObject(same);
    await refused(['eval', file], `${file}: does not say where its images lie; name them with --data`);
    const packedFile = 'experiments/GUARANTEED/export/net.safetensors';
    await refused(
      ['eval', packedFile, '--data', 'synthetic:96'],
      `${packedFile}: does not say which network it belongs to`,
    );
  });

  it('is what eval --deployed evaluates, and what a run says at its end', async () => {
    const { stdout } = await succeeds(['eval', 'experiments/GUARANTEED', '--deployed', '--json'], folder);
    const { deployed, images, error } = JSON.parse(stdout);
    expect(images).toBe(19);
    expect(deployed.different_predictions).toBe(0);
    expect(deployed.error).toBe(error);
    expect(deployed.test_logits).toEqual(summaryOf('GUARANTEED').test_logits);
    const deployedNetwork = await load(read('experiments/GUARANTEED/export/net.safetensors'));
    expect(deployedNetwork.classes).toHaveLength(10);
    const again = await succeeds(train('GUARANTEED', '--name', 'AGAIN'), folder);
    expect(again.stdout).toContain(`in integers, as a device computes: test error ${(100 * error).toFixed(2)} %`);
  });

  it('is left out at the end of a run by Ctrl-C, which takes nothing from the run', async () => {
    const summary = join(folder, 'experiments/ENDED/summary.json');
    const ctrlC = { after: () => existsSync(summary), turns: 0 };
    const { code, stdout } = await mpdnn(train('GUARANTEED', '--name', 'ENDED'), folder, { ctrlC });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^best test error /m);
    expect(stdout).toMatch(/^interrupted after the end of the run, .* eval experiments\/ENDED --deployed$/m);
    expect(stdout).toContain('next:');
    const said = (run: string) => JSON.parse(String(read(`experiments/${run}/summary.json`))).best_val_err;
    expect(said('ENDED')).toBe(said('AGAIN'));
  });

  it('tells how far it is', async () => {
    const told = new Map<string, number[]>();
    const task = (name: string, done: number, total: number) => {
      told.set(name, [...(told.get(name) ?? []), done / total]);
    };
    const run = join(folder, 'experiments/GUARANTEED');
    const trained = await openTrained(run, false, (done, total) => task('proving', done, total));
    const options = { profile: 'exact', packed: false, out: join(folder, 'told'), force: false, task } as const;
    await exportRun(trained, { ...options, formats: new Set(['packed']) });
    expect([...told.keys()]).toEqual(['proving', 'running the integers', 'checking the runtime']);
    for (const shares of told.values()) {
      expect(shares.at(-1)).toBe(1);
      expect(shares).toEqual([...shares].sort((a, b) => a - b));
    }
  });

  it('for accelerators says by how much it differs; QONNX stands beside it', async () => {
    const call = ['export', 'experiments/GUARANTEED', '--out', 'npu', '--to', 'onnx,qonnx', '--profile', 'npu'];
    const { stdout } = await succeeds(call, folder);
    expect(stdout).toMatch(/net\.onnx is of the profile npu, which is not exact: over 8 images \d+ of \d+ activations/);
    expect(existsSync(join(folder, 'npu/net.qonnx.onnx'))).toBe(true);
    expect(Object.keys(JSON.parse(String(read('npu/export.json'))).checks).join()).not.toContain('onnxruntime');
  });

  it('as ONNX says its classes, widths and test images’ logits, and the checksum of what it is without saying so', () => {
    const model = fromBinary(ModelProtoSchema, read('experiments/GUARANTEED/export/net.onnx'));
    const { crc32: checksum, ...said } = Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value]));
    const { classes, test_logits, version, layers } = summaryOf('GUARANTEED');
    expect(said).toMatchObject({ experiment: 'GUARANTEED', mpdnn_version: version });
    expect(JSON.parse(said.classes!)).toEqual(classes);
    expect(JSON.parse(said.test_logits!)).toEqual(test_logits);
    expect(JSON.parse(said.bits!)[0]).toEqual({
      ...{ name: 'conv1', weightBits: layers[0].weightBits, activationBits: layers[0].activationBits },
    });
    model.metadataProps = [];
    expect(checksum).toBe(hexadecimal(crc32(toBinary(ModelProtoSchema, model))));
  });

  it('is offered at the end of a run that rules for layers alone quantize, as the start tells what hinders it', async () => {
    const rules = (activations: string) => ['--layers', `*: w_quantize = fp, w_bitwidth = 4; ${activations}`];
    const whole = await succeeds(train('FLOAT', '--name', 'RULES', ...rules('*: a_quantize = fp_relu')), folder);
    expect(whole.stderr).not.toContain('NOTE');
    expect(whole.stdout).toMatch(/^in integers, as a device computes: test error \d/m);
    expect(whole.stdout).toMatch(/^ {2}export +npx mpdnn export experiments\/RULES$/m);
    const part = await succeeds(train('FLOAT', '--name', 'PART', ...rules('conv1*: a_quantize = fp_relu')), folder);
    expect(part.stderr).toMatch(/^NOTE: cannot be exported as integers: conv2\S*: its relu is not quantized/m);
    expect(part.stdout).not.toContain('mpdnn export');
  });

  it('is offered of the last parameters where no epoch obeyed the budget', async () => {
    const narrow = ['--target-weight-kbytes', '0.01', '--target-activation-kbytes', '-1'];
    const { stdout } = await succeeds(train('BUDGET', '--name', 'OUTSIDE', ...narrow), folder);
    expect(stdout).toMatch(/^ {2}predict +npx mpdnn predict experiments\/OUTSIDE --last IMAGE$/m);
    const [, call] = /^ {2}export +npx mpdnn (.*)$/m.exec(stdout)!;
    expect(call).toBe('export experiments/OUTSIDE --last');
    await succeeds([...call!.split(' '), '--no-plots'], folder);
  });

  it('compiles, and its own test passes', () => {
    const c = join(folder, 'experiments/GUARANTEED/export/c');
    expect(execFileSync('make', ['-s', '-C', c, 'test'], { encoding: 'utf8' })).toContain('0 logits differ');
  });
});

describe('refused, with nothing written:', () => {
  it('a folder in the way', async () => {
    await refused(['export', 'experiments/GUARANTEED'], 'is there already', '--force');
    for (const out of ['experiments', 'experiments/GUARANTEED/config.json']) {
      await refused(['export', 'experiments/GUARANTEED', '--out', out], `${out}: is there, and no export`);
    }
  });

  it('a float network, which a run says at its start too', async () => {
    await refused(['export', 'experiments/FLOAT'], 'conv1', 'not quantized');
    expect(existsSync(join(folder, 'experiments/FLOAT/export'))).toBe(false);
  });

  it('images whose channels have no common grid', async () => {
    const coloured = ['--mean', '0.5,0.5,0.5', '--std', '0.2,0.3,0.4'];
    const { stdout, stderr } = await succeeds(train('BUDGET', '--name', 'GRID', ...coloured), folder);
    expect(stderr).toContain('NOTE: cannot be exported as integers: images: std differs between channels');
    expect(stdout).toContain('no integers for a device: images: std differs between channels');
    expect(stdout).not.toContain('mpdnn export');
    await refused(['export', 'experiments/GRID'], 'std differs between channels');
  });

  it('parameters that were changed behind the format’s back', async () => {
    await refused(['export', 'experiments/NONE'], 'no such');
    mkdirSync(join(folder, 'experiments/EMPTY'), { recursive: true });
    writeFileSync(join(folder, 'experiments/EMPTY/config.json'), '{}');
    await refused(['export', 'experiments/EMPTY'], 'experiments/EMPTY/config.json: experiment: is missing');
    expect(readdirSync(join(folder, 'experiments/EMPTY'))).toEqual(['config.json']);
  });

  it('a network that is not the trained one, by layer, channel and accumulator', async () => {
    const trained = await openTrained(join(folder, 'experiments/GUARANTEED'), false);
    const { layer } = trained.lowered.certified[1]!;
    layer.requantization.shifts[3]! += 1;
    const out = join(folder, 'planted');
    const options = { formats: new Set(exportFormats), profile: 'exact', packed: false, out, force: false } as const;
    await expect(exportRun(trained, options)).rejects.toThrow(
      /: the integer network is not the trained one: layer conv2, channel 3: accumulator -?\d+ gives \d+ instead of \d+$/,
    );
    expect(readdirSync(folder).filter((name) => name.startsWith('planted'))).toEqual([]);
  });

  it('a format that does not exist', async () => {
    await refused(['export', 'experiments/GUARANTEED', '--to', 'tflite'], 'packed, onnx, c');
  });
});

it('takes an autoencoder, whose integers are held against its inputs', async () => {
  const definition = network({ input: [32, 32, 3] }, (n, x) => {
    const code = n.linear(n.flatten(n.averagePool(x, { size: 16 })), 4, { activation: 'relu' });
    return n.linear(code, 3072);
  });
  writeFileSync(join(folder, 'net.mjs'), `export default ${JSON.stringify(definition)};`);
  const settings = ['w_quantize = parametric_fp_d_xmax', 'a_quantize = parametric_fp_d_xmax_relu'];
  const rest = ['a_quantize_linear = true', 'loss = values', 'target = input', 'model = ./net.mjs', 'batch_size = 16'];
  const section = ['[ENCODER]', 'data = synthetic:48', 'device = cpu', 'threads = 1', ...settings, ...rest];
  writeFileSync(join(folder, 'encoder.cfg'), section.join('\n'));
  const trained = await succeeds(['train', 'ENCODER', '--cfg', 'encoder.cfg', '--no-plots', '--epochs', '1'], folder);
  expect(trained.stdout).toContain('in integers, as a device computes');
  const exported = await succeeds(['export', 'experiments/ENCODER', '--no-plots'], folder);
  const { bytes, weights_kb, macs } = summaryOf('ENCODER');
  // Four biases of the hidden layer are counted, and kept among the constants.
  expect(1024 * weights_kb).toBeGreaterThan(bytes.weights);
  const counted = `training counts ${weights_kb.toFixed(2)} kB, with all biases`;
  expect(exported.stdout).toContain(`\nweights ${bytes.weights} B; ${counted}\nconstants ${bytes.constants} B, `);
  expect(String(read('experiments/ENCODER/export/export.md'))).toContain(`| weights | ${bytes.weights} | ${counted} |`);
  const products = 12 * 4 + 4 * 3072;
  const inspected = await succeeds(['inspect', './net.mjs', '--json'], folder);
  expect(JSON.parse(inspected.stdout).multiplications).toBe(products);
  expect(macs).toBe(products + 32 * 32 * 3);
  expect(String(read('experiments/ENCODER/export/c/encoder.h'))).toContain(
    `by 1 in averages and in activations by themselves included. */\n#define ENCODER_MACS ${macs}\n`,
  );
  const { stdout } = await succeeds(['eval', 'experiments/ENCODER', '--deployed', '--json'], folder);
  const { mse, loss, deployed } = JSON.parse(stdout);
  expect(deployed.mse).toBeCloseTo(mse, 5);
  expect(deployed.loss).toBeCloseTo(loss, 5);
  expect(deployed.different_predictions).toBeNull();
});

it('says at the end what keeps a quantized run from being shipped', async () => {
  const settings = ['w_quantize = fp', 'a_quantize = pow2_relu', 'a_bitwidth = 6', 'model = tiny', 'batch_size = 16'];
  const section = ['[WIDE]', 'data = synthetic:48', 'device = cpu', 'threads = 1', ...settings];
  writeFileSync(join(folder, 'wide.cfg'), section.join('\n'));
  const trained = await succeeds(['train', 'WIDE', '--cfg', 'wide.cfg', '--no-plots', '--epochs', '1'], folder);
  expect(trained.stdout).toContain('no integers for a device: conv1: its largest power of two is 2147483648 times');
});
