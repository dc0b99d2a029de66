/**
 * Every fault of input and place ends in one line that names it, the right exit code, and nothing half-written: the
 * folder of the call holds afterwards what it held before.
 */

import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { network } from '../../src/nn/index.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { listing, mpdnn, type Outcome, resultFiles, succeeds, writeTinyConfig } from './runMpdnn.js';

const folder = temporaryFolder();
const cfg = writeTinyConfig(folder);
const at = (...parts: string[]): string => join(folder, ...parts);

function write(path: string, content: string | Uint8Array): void {
  mkdirSync(join(at(path), '..'), { recursive: true });
  writeFileSync(at(path), content);
}

function expectOneLine({ code, stdout, stderr }: Outcome, wantedCode: number, message: string): void {
  expect(stderr).toMatch(/^mpdnn: [^\n]+\n$/);
  expect(stderr).toContain(message);
  expect({ code, stdout }).toEqual({ code: wantedCode, stdout: '' });
}

async function expectFault(args: readonly string[], code: number, message: string): Promise<void> {
  const before = listing(folder);
  expectOneLine(await mpdnn(args, folder), code, message);
  expect(listing(folder)).toEqual(before);
}

/** A header of an IDX file of unsigned bytes and what follows it. */
function idx(dimensions: readonly number[], bytes: number): Buffer {
  const header = Buffer.alloc(4 + 4 * dimensions.length);
  header.set([0, 0, 8, dimensions.length]);
  for (const [axis, size] of dimensions.entries()) header.writeUInt32BE(size, 4 + 4 * axis);
  return Buffer.concat([header, Buffer.alloc(bytes)]);
}

beforeAll(async () => {
  await succeeds(['train', 'FLOAT', '--cfg', cfg, '--no-plots', '--out', 'runs'], folder);
  write('key.cfg', '[A]\nbatchsize = 3\n');
  write('quantizer.cfg', '[A]\nw_quantize = parametric_fp_d_xmx\n');
  write('resumed.cfg', '[A]\nresume = true\n');
  write('twice.cfg', '[A]\n[A]\n');
  write('noText.cfg', 'epochs = 3\n');
  write('ownWeights.cfg', '[A]\nweightfile = B/params_best.h5\n[BB]\n');
  write('file', 'a file');
  write('net/throws.mjs', 'null.size');
  write('net/TEXT.ONNX', 'no model at all');
  write('net/nothing.mjs', 'export const net = 1;');
  write('net/strange.mjs', "export default { input: [8, 8, 3], layers: [{ kind: 'conv' }], output: 'a', outputs: 2 };");
  write('net/hole.mjs', "export default { input: [8, 8, 3], layers: [null], output: 'a', outputs: 2 };");
  write(
    'net/small.mjs',
    `export default ${JSON.stringify(network({ input: [8, 8, 3] }, (n, x) => n.linear(n.globalAverage(x), 2)))};`,
  );
  write('noRun/notes.txt', 'no run');
  write('remarks.cfg', '# [MINE]\n');
  write('net/cut.mjs', 'export default network({');
  write('net/lost.mjs', "import 'mixed-precision-dnns';");
  write('damaged/config.json', '{');
  mkdirSync(at('nested/config.json'), { recursive: true });
  mkdirSync(at('linked'));
  symlinkSync('config.json', at('linked/config.json'));
  write('runInTheWay/FLOAT/notes.txt', 'no run');

  write('cut.tar.gz', gzipSync(Buffer.alloc(5000, 7)).subarray(0, 20));
  write('noArchive.tar.gz', 'no archive at all');
  write('records/data_batch_1.bin', Buffer.alloc(3000));
  for (const [name, images] of [
    ['train', 60],
    ['t10k', 10],
  ] as const) {
    const cut = name === 'train' ? 100 : 0;
    write(`idx/${name}-images-idx3-ubyte`, idx([images, 28, 28], images * 784 - cut));
    write(`idx/${name}-labels-idx1-ubyte`, idx([images], images));
  }
  const jpeg = await sharp({ create: { width: 32, height: 32, channels: 3, background: 'red' } })
    .jpeg()
    .toBuffer();
  for (const set of ['train', 'val']) {
    for (const name of ['cat', 'dog']) write(`images/${set}/${name}/1.jpg`, jpeg);
  }
  write('images/train/dog/2.jpg', jpeg.subarray(0, jpeg.length >> 1));
  mkdirSync(at('noClasses/train'), { recursive: true });
  mkdirSync(at('noClasses/val'), { recursive: true });

  const parameters = readFileSync(at('runs/FLOAT/params_best.safetensors'));
  write('cut.safetensors', parameters.subarray(0, 5000));
  write('changed.safetensors', Buffer.from(parameters).fill(1, parameters.length - 8, parameters.length - 4));
  write('text.safetensors', 'these are no tensors');
  write('text.h5', 'these are no parameters');
  for (const name of ['cutCheckpoint', 'changedCheckpoint', 'lostCheckpoint', 'otherParameters']) {
    cpSync(at('runs'), at(name), { recursive: true });
  }
  const checkpoint = readFileSync(at('runs/FLOAT/checkpoint.safetensors'));
  write('cutCheckpoint/FLOAT/checkpoint.safetensors', checkpoint.subarray(0, checkpoint.length - 4));
  write(
    'changedCheckpoint/FLOAT/checkpoint.safetensors',
    Buffer.from(checkpoint).fill(1, checkpoint.length - 8, checkpoint.length - 4),
  );
  await succeeds(['train', 'FP', '--cfg', cfg, '--no-plots', '--out', 'runs', '--epochs', '1'], folder);
  cpSync(at('runs/FP/params_best.safetensors'), at('otherParameters/FLOAT/params_best.safetensors'));
  cpSync(at('runs/FP'), at('otherParameters/FP'), { recursive: true });
  cpSync(at('runs/FLOAT/params_best.safetensors'), at('otherParameters/FP/params_best.safetensors'));
});

it('init makes the folder of its file', async () => {
  await succeeds(['init', 'new/folder/mine.cfg', '--data', 'synthetic:64'], folder);
  expect(readFileSync(at('new/folder/mine.cfg'), 'utf8')).toContain('data = synthetic:64');
});

describe('the call', () => {
  it.each<[string, string[], string]>([
    ['unknown command', ['trian', 'A'], "unknown command 'trian' (Did you mean train?)"],
    ['unknown option', ['train', 'FLOAT', '--cfg', 'tiny.cfg', '--limt-train', '3'], '(Did you mean --limit-train?)'],
    ['unknown key', ['train', 'FLOAT', '--cfg', 'tiny.cfg', '--w-quantise', 'fp'], '(Did you mean --w-quantize?)'],
    [
      'a run that is both gone on with and replaced',
      ['train', 'FLOAT', '--cfg', 'tiny.cfg', '--out', 'runs', '--resume', '--force'],
      "option '--resume' cannot be used with option '--force'",
    ],
    [
      'the same where a section goes on',
      ['train', 'A', '--cfg', 'resumed.cfg', '--force'],
      'resumed.cfg:2: [A] resume = true: cannot be used with --force; leave out one of them',
    ],
    ['missing argument', ['eval'], "missing required argument 'run'"],
    ['missing option', ['train', 'FLOAT'], 'train FLOAT: which file is it in? name it: --cfg FILE'],
    ['missing section', ['train', '--cfg', 'tiny.cfg'], 'train --cfg tiny.cfg: which section?'],
    ['a file without sections', ['experiments', '--cfg', 'remarks.cfg'], 'remarks.cfg: holds no section; begin one'],
    ['missing data', ['train'], 'train: which data? name them, such as --data images:DIR'],
    ['missing images of a recommendation', ['init'], 'init: which data? name them, such as --data images:DIR'],
    [
      'options of ONNX without ONNX',
      ['export', 'runs/FLOAT', '--to', 'c', '--profile', 'npu', '--packed'],
      '--profile npu --packed: no effect without onnx in --to c; leave it out',
    ],
    [
      'packed weights of a profile that has none',
      ['export', 'runs/FLOAT', '--profile', 'npu', '--packed'],
      '--packed: no effect with --profile npu, whose weights have 8 bits; leave it out',
    ],
    [
      'one epoch for two networks',
      ['train', '--data', 'synthetic:64', '--epochs', '1'],
      '--epochs = 1: must be at least 2',
    ],
    [
      'a budget that cannot be kept',
      ['train', '--data', 'synthetic:64', '--target-weight-kbytes', '0.9'],
      '--target-weight-kbytes = 0.9: cannot be met: with the fewest bits and channels',
    ],
    ['option without value', ['train', 'FLOAT', '--cfg'], "option '--cfg <file>' argument missing"],
    ['too many arguments', ['eval', 'a', 'b'], 'too many arguments'],
    ['threads that are no number', ['bench', '--threads', 'two'], 'give a whole number from 1 on'],
    ['unknown workload', ['bench', 'resnet19'], 'no workload resnet19'],
    ['unknown device', ['bench', '--device', 'tpu'], 'Allowed choices are auto, cpu, gpu, reference'],
    [
      'unknown precision',
      ['golden', 'x', '--matmul-precision', 'half'],
      'Allowed choices are auto, float16, float16x2',
    ],
    ['folder without golden files', ['golden', 'noRun'], 'no golden files'],
    ['plot of no run', ['plot', 'noRun'], 'noRun: is no run folder (it has no config.json)\n'],
    ['a link to itself', ['plot', 'linked'], 'linked/config.json: a link that leads back to itself'],
    ['a folder for config.json', ['eval', 'nested'], 'nested/config.json: is a folder, a file is wanted'],
    ['a damaged config.json', ['compare', 'damaged'], 'damaged/config.json: is damaged, it is no JSON ('],
    ['evaluation of no run', ['eval', 'runs/FLOT'], "no such run folder; did you mean 'runs/FLOAT'?"],
  ])('%s', (_, args, message) => expectFault(args, 2, message));
});

describe('the experiment', () => {
  it.each<[string, string[], string]>([
    ['no .cfg file', ['FLOAT', '--cfg', 'nowhere.cfg'], 'nowhere.cfg'],
    ['a folder as .cfg file', ['FLOAT', '--cfg', 'runs'], 'runs'],
    ['unknown section', ['FLAOT', '--cfg', 'tiny.cfg'], "did you mean 'FLOAT'?"],
    ['section twice', ['A', '--cfg', 'twice.cfg'], 'twice.cfg:2'],
    ['key outside sections', ['A', '--cfg', 'noText.cfg'], 'noText.cfg:1'],
    ['unknown key', ['A', '--cfg', 'key.cfg'], "key.cfg:2: [A] batchsize = 3: unknown key; did you mean 'batch_size'?"],
    ['unknown quantizer', ['A', '--cfg', 'quantizer.cfg'], "did you mean 'parametric_fp_d_xmax'?"],
    ['unknown model', ['FLOAT', '--cfg', 'tiny.cfg', '--model', 'resnet21'], "did you mean 'resnet20'?"],
    ['unknown dataset', ['FLOAT', '--cfg', 'tiny.cfg', '--data', 'cifar1O'], "did you mean 'cifar10'?"],
    ['unknown device', ['FLOAT', '--cfg', 'tiny.cfg', '--device', 'cpus'], '--device = cpus: must be one of auto, cpu'],
    [
      'unknown precision',
      ['FLOAT', '--cfg', 'tiny.cfg', '--matmul-precision', 'float17'],
      "--matmul-precision = float17: must be one of auto, float16, float16x2, float32; did you mean 'float16'?",
    ],
    ['number out of range', ['FLOAT', '--cfg', 'tiny.cfg', '--epochs', '0'], '--epochs = 0: must be an integer from 1'],
    [
      'number that is none',
      ['FLOAT', '--cfg', 'tiny.cfg', '--batch-size', 'x'],
      '--batch-size = x: must be an integer',
    ],
    [
      'a key that has no option of its own',
      ['FLOAT', '--cfg', 'tiny.cfg', '--ema-decay', '1'],
      '--ema-decay = 1: must',
    ],
    [
      'a rule for no layer',
      ['FLOAT', '--cfg', 'tiny.cfg', '--layers', 'conv9*: w_quantize = fp'],
      '--layers: conv9*: w_quantize = fp: no weight or bias has a name like conv9*; near are conv1/quantized_conv/W, ',
    ],
    [
      'channels of weights that are not quantized',
      ['FLOAT', '--cfg', 'tiny.cfg', '--w-per-channel', 'true'],
      '--w-per-channel = true: needs quantized weights: set w_quantize, such as parametric_fp_d_xmax',
    ],
    [
      'channels of a bias',
      ['FP', '--cfg', 'tiny.cfg', '--layers', 'fc/*/b: w_per_channel = true'],
      '--layers: fc/*/b: w_per_channel = true: no weight with a name like fc/*/b is quantized: w_per_channel needs a ' +
        'w_quantize there (biases have one step)',
    ],
    [
      'a budget that cannot be met',
      ['GUARANTEED', '--cfg', 'tiny.cfg', '--target-weight-kbytes', '0.3'],
      '--target-weight-kbytes = 0.3: cannot be met: with the fewest bits that the limits allow, weights need 0.376 kB, ' +
        '0.0755 kB too much; most of it is conv2/quantized_conv/W, 0.281 kB at 2 bits',
    ],
    [
      'a peak that cannot be met',
      ['GUARANTEED', '--cfg', 'tiny.cfg', '--target-activation-kbytes', '3'],
      'activations (peak) need 3.25 kB, 0.250 kB too much; most of it is',
    ],
    [
      'batch beyond the data',
      ['FLOAT', '--cfg', 'tiny.cfg', '--batch-size', '97'],
      '--batch-size = 97: more than the 96 training images',
    ],
    [
      'limit beyond the data',
      ['FLOAT', '--cfg', 'tiny.cfg', '--limit-train', '97'],
      '--limit-train = 97: there are 96 images; give a whole number from 1 to 96, or all',
    ],
    ['start from nothing', ['A', '--cfg', 'ownWeights.cfg', '--data', 'synthetic:128'], "did you mean 'BB'?"],
  ])('%s', (_, args, message) => expectFault(['train', ...args], 2, message));
});

describe('a file that shall define a network', () => {
  it.each<[string, string, string]>([
    ['is not there', 'net/none.mjs', '--model = net/none.mjs: no such file'],
    ['is mistyped', './nte', '--model = ./nte: no such file'],
    ['is called like none', 'a.onxx', '--model = a.onxx: no such file'],
    ['is of another kind', 'cut.safetensors', 'cut.safetensors: is no file of a network: a module ends in .mjs, .js,'],
    ['is a folder', 'net/', '--model = net/: is no file of a network'],
    ['is ONNX in capitals', 'net/TEXT.ONNX', '--model = net/TEXT.ONNX: is no ONNX file, or damaged'],
    ['cannot be run', 'net/throws.mjs', "null (reading 'size') (at throws.mjs:1:6)"],
    ['does not find the package', 'net/lost.mjs', 'install it where the file lies: npm install /'],
    ['is cut', 'net/cut.mjs', 'net/cut.mjs shows the line'],
    ['exports nothing', 'net/nothing.mjs', '--model = net/nothing.mjs: is no definition of a network, such as'],
    [
      'exports something strange',
      'net/strange.mjs',
      '--model = net/strange.mjs: a layer that is none: {"kind":"conv"}',
    ],
    ['has nothing for a layer', 'net/hole.mjs', '--model = net/hole.mjs: a layer that is none: null'],
    [
      'is for other images',
      'net/small.mjs',
      '--model: the network takes images of 8x8x3 and has 2 outputs; the data has images of 32x32x3 and 10 classes',
    ],
    ['has no name', 'own', '--model = own: no network was read of it'],
  ])('%s', (_, model, message) =>
    expectFault(['train', 'FLOAT', '--cfg', 'tiny.cfg', '--model', model, '--name', 'OWN'], 2, message),
  );
});

describe('data', () => {
  it.each<[string, string, string]>([
    ['a cut archive', 'cifar10:cut.tar.gz', 'cut.tar.gz: truncated or corrupt archive'],
    ['an archive that is none', 'cifar10:noArchive.tar.gz', 'noArchive.tar.gz: truncated or corrupt archive'],
    ['a folder without CIFAR-10', 'cifar10:noRun', 'noRun: no CIFAR-10 here'],
    ['records that are cut', 'cifar10:records', 'data_batch_1.bin'],
    ['a cut IDX file', 'mnist:idx', 'train-images-idx3-ubyte'],
    ['a folder without IDX files', 'mnist:noRun', 'noRun'],
    ['a cut image', 'images:images', 'images/train/dog/2.jpg: cannot be decoded'],
    ['a folder without classes', 'images:noClasses', 'noClasses/train: no class folders'],
    ['a folder that is not there', 'images:nowhere', 'nowhere/train: no such folder'],
  ])('%s', (_, data, message) => expectFault(['train', 'FLOAT', '--cfg', cfg, '--data', data], 2, message));
});

describe('weights and checkpoints', () => {
  it.each<[string, string, string]>([
    ['cut', 'cut.safetensors', 'cut.safetensors: no valid safetensors file'],
    ['changed', 'changed.safetensors', 'changed.safetensors: damaged'],
    ['text', 'text.safetensors', 'text.safetensors: no valid safetensors file'],
    ['text as .h5', 'text.h5', 'text.h5'],
    ['missing', 'nowhere.safetensors', 'no such file'],
    ['of unknown format', 'file', 'weights are read from .safetensors files'],
  ])('weights: %s', (_, file, message) =>
    expectFault(['train', 'FLOAT', '--cfg', cfg, '--weights', file, '--out', 'new'], 2, message),
  );

  it.each<[string, string, string]>([
    ['cut', 'cutCheckpoint', 'checkpoint.safetensors: no valid safetensors file'],
    ['changed', 'changedCheckpoint', 'checkpoint.safetensors: damaged'],
    ['no run', 'nowhere', 'nothing to resume; leave out --resume'],
  ])('checkpoint: %s', (_, out, message) =>
    expectFault(['train', 'FLOAT', '--cfg', cfg, '--out', out, '--resume'], 2, message),
  );

  it('a run with other settings is not resumed', () =>
    expectFault(
      ['train', 'FLOAT', '--cfg', cfg, '--out', 'runs', '--resume', '--batch-size', '8'],
      2,
      'batch_size was 16, now it is 8; set it back, or start anew with --force in place of --resume',
    ));

  it('nor is one with one step a layer resumed with steps for channels', () =>
    expectFault(
      ['train', 'FP', '--cfg', cfg, '--out', 'runs', '--resume', '--epochs', '1', '--w-per-channel', 'true'],
      2,
      'w_per_channel',
    ));

  it('eval refuses parameters with unknown tensors', () =>
    expectFault(['eval', 'otherParameters/FLOAT'], 2, 'which this network does not have'));

  it.each([['eval'], ['export'], ['predict', 'text.h5']])('%s: a file has no last parameters', (command, ...more) =>
    expectFault(
      [command, 'runs/FLOAT/params_best.safetensors', ...more, '--last'],
      2,
      '--last: no effect on the one set of parameters in runs/FLOAT/params_best.safetensors; leave it out',
    ),
  );

  it('eval refuses parameters without the values of fixed quantizers', () =>
    expectFault(['eval', 'otherParameters/FP'], 2, 'params_best.safetensors: lacks'));
});

describe('the place', () => {
  const train = (out: string): string[] => ['train', 'FLOAT', '--cfg', cfg, '--no-plots', '--out', out];

  it.each<[string, string, string]>([
    ['a run is there', 'runs', 'runs/FLOAT: exists already; --resume goes on with it, --force replaces it'],
    ['something else is there', 'runInTheWay', 'is in the way and no run folder'],
    ['a file is in the way', 'file', 'a file stands where a folder is needed'],
    ['a file is in the way above', 'file/deep/deeper', 'a file stands where a folder is needed'],
    ['no folder can be made', '/proc/mpdnn', '/proc/mpdnn: cannot be made here'],
    ['no folder can be made, deeper', '/proc/mpdnn/deep', 'cannot be made here'],
    ['nothing can be made in it', '/proc', '/proc/FLOAT: cannot be made here; choose another folder with --out'],
  ])('%s', (_, out, message) => expectFault(train(out), 2, message));

  it('~ is the home folder, where a shell does not see it, too', async () => {
    await succeeds(['experiments', '--cfg=~/tiny.cfg'], folder);
    const { stdout } = await succeeds(['plot', 'runs/FLOAT', 'runs/FP', '--out=~/pictures'], folder);
    expect(stdout).toContain(at('pictures/'));
    rmSync(at('pictures'), { recursive: true });
    await expectFault(['train', 'FLOAT', '--cfg=~/nowhere.cfg'], 2, at('nowhere.cfg: no such file'));
  });

  it('nor can pictures be written everywhere', async () => {
    await expectFault(['plot', 'runs/FLOAT', 'runs/FP', '--out', '/proc/mpdnn'], 2, 'cannot be made here');
    await expectFault(['plot', 'runs/FLOAT', 'runs/FP', '--out', '/proc'], 2, '/proc/losses.svg: cannot be made here');
  });

  it.each([
    ['file/mine.cfg', 'file/mine.cfg: a file stands where a folder is needed; name another FILE'],
    ['/proc/mpdnn/mine.cfg', '/proc/mpdnn: cannot be made here; name another FILE'],
    ['/proc/mine.cfg', '/proc/mine.cfg: cannot be made here; name another FILE'],
  ])('settings are not written to %s', (file, message) =>
    expectFault(['init', file, '--data', 'synthetic:64'], 2, message),
  );
});

describe('numbers that leave the finite', () => {
  it('stop the run also where the loss does not show it, before they are in a file of parameters', async () => {
    const kind = ['--w-quantize', 'parametric_pow2_b_xmin', '--w-per-channel', 'true'];
    const args = [
      'train',
      'DIVERGES',
      '--cfg',
      cfg,
      '--no-plots',
      '--out',
      'exponents',
      '--weight-decay',
      '0',
      '--seed',
      '1',
    ];
    const { code, stderr } = await mpdnn([...args, ...kind], folder);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /\nmpdnn: DIVERGES: not a finite number in the parameters after epoch 1, first in \S+\/exponents; the last/,
      ),
    });
    expect(listing(at('exponents/DIVERGES'))).toContain('checkpoint.safetensors');
    expect(listing(at('exponents/DIVERGES'))).not.toContain('params_best.safetensors');
    expect(readFileSync(at('exponents/DIVERGES/results.csv'), 'utf8').trim().split('\n')).toHaveLength(1);
    for (const [which, ...more] of [['best'], ['last', '--last']]) {
      expect(await mpdnn(['predict', 'exponents/DIVERGES', 'text.h5', ...more], folder)).toEqual({
        code: 2,
        stdout: '',
        stderr:
          'NOTE: exponents/DIVERGES has not finished, 0 of 3 epochs have ended\n' +
          `mpdnn: exponents/DIVERGES/params_${which}.safetensors: not there, since no epoch has ended\n`,
      });
    }
  });

  it('stop the run, name step and layer, and keep the last good checkpoint', async () => {
    const args = ['train', 'DIVERGES', '--cfg', cfg, '--no-plots', '--out', 'diverged'];
    const fault =
      /\nmpdnn: DIVERGES: not a finite number in step \d+ of epoch 2, first in \S+; the last checkpoint is kept;/;
    const first = await mpdnn(args, folder);
    expect(first).toMatchObject({ code: 1, stdout: '' });
    expect(first.stderr).toMatch(fault);
    expect(first.stderr.trimEnd().split('\n')).toHaveLength(3);
    expect(listing(at('diverged/DIVERGES'))).toContain('checkpoint.safetensors');
    expect(listing(at('diverged/DIVERGES'))).not.toContain('summary.json');
    const kept = resultFiles(at('diverged/DIVERGES'));
    expect(Buffer.from(kept.get('results.csv')!, 'base64').toString().trim().split('\n')).toHaveLength(2);
    const again = await mpdnn([...args, '--resume'], folder);
    expect(again.code).toBe(1);
    expect(again.stderr.match(fault)?.[0]).toBe(first.stderr.match(fault)?.[0]);
    expect(resultFiles(at('diverged/DIVERGES'))).toEqual(kept);
    rmSync(at('diverged'), { recursive: true });
  });
});
