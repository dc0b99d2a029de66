/**
 * Training on photographs that are decoded while it runs, through the command line: the same files for any number of
 * decoders, with interruptions, and after a file that could not be decoded.
 */

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors } from '../../src/weights/index.js';
import { writePhotographs } from '../photographs.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { tierOf } from '../tier.js';
import { mpdnn, resultFiles, succeeds } from './runMpdnn.js';

const folder = temporaryFolder();
const photographs = join(folder, 'photographs');
let files: { readonly train: readonly string[]; readonly val: readonly string[] };

const config = `[DEFAULT]
model = tiny
data = images:photographs
image_size = 32
batch_size = 8
epochs = 2
device = cpu
threads = 1
initial_learning_rate = 0.02

[CROPS]
augment = resized_crop
w_quantize = parametric_fp_d_xmax
a_quantize = parametric_fp_d_xmax_relu
mean = 0.485,0.456,0.406
std = 0.229,0.224,0.225

[WHOLE]
epochs = 1
stream = true

[RESIDENT]
epochs = 1
`;

const call = (name: string, out: string, ...more: string[]) => [
  // A process each, of which starting takes longest.
  ...['train', name, '--cfg', 'photographs.cfg', '--out', out, '--no-plots', '--decode-threads', '1'],
  ...more,
];
const results = (out: string, name: string) => resultFiles(join(folder, out, name));
const positionOf = (out: string): { epoch: number; batch: number } =>
  JSON.parse(readSafetensors(join(folder, out, 'CROPS', 'checkpoint.safetensors')).metadata.state ?? '');

beforeAll(async () => {
  files = await writePhotographs(photographs, { train: 64, val: 20 });
  writeFileSync(join(folder, 'photographs.cfg'), config);
  await succeeds(call('CROPS', 'whole'), folder);
});

describe('random crops', () => {
  it('are the same with any number of decoders', async () => {
    await succeeds(call('CROPS', 'decoders', '--decode-threads', '5'), folder);
    expect(results('decoders', 'CROPS')).toEqual(results('whole', 'CROPS'));
  });

  it('differ from epoch to epoch and from seed to seed', async () => {
    await succeeds(call('CROPS', 'seed', '--seed', '2'), folder);
    expect(results('seed', 'CROPS').get('results.csv')).not.toBe(results('whole', 'CROPS').get('results.csv'));
  });

  it('go on after Ctrl-C in the middle of an epoch as if nothing had happened', async () => {
    let code: number | null = 0;
    // Turns go by while images are decoded, too.
    for (let turns = 4; turns < 5000; turns *= 2) {
      const ctrlC = { after: 'tiny  64 images', turns };
      code = (await mpdnn(call('CROPS', 'interrupted', '--force'), folder, { ctrlC })).code;
      if (code === 130 && positionOf('interrupted').batch > 0) break;
    }
    expect(code).toBe(130);
    expect(positionOf('interrupted').batch).toBeGreaterThan(0);
    await succeeds(call('CROPS', 'interrupted', '--resume', '--decode-threads', '3'), folder);
    expect(results('interrupted', 'CROPS')).toEqual(results('whole', 'CROPS'));
  });

  it('are evaluated as they were while training', async () => {
    const { best_val_err } = JSON.parse(readFileSync(join(folder, 'whole/CROPS/summary.json'), 'utf8'));
    const { stdout } = await succeeds(['eval', 'whole/CROPS', '--json', '--decode-threads', '2'], folder);
    expect(JSON.parse(stdout)).toMatchObject({ error: best_val_err, images: 20 });
  });
});

it('a part can be held out to choose the best parameters', async () => {
  await succeeds(call('CROPS', 'held', '--epochs', '1', '--select', 'validation', '--validation-split', '17'), folder);
  const [header, row] = readFileSync(join(folder, 'held/CROPS/results.csv'), 'utf8').split('\n') as [string, string];
  const at = (column: string) => Number(row.split(',')[header.split(',').indexOf(column)]);
  // Fractions of 17 and of 20 images.
  expect(at('val_err') * 17).toBeCloseTo(Math.round(at('val_err') * 17), 9);
  expect(at('test_err') * 20).toBeCloseTo(Math.round(at('test_err') * 20), 9);
});

it('whole images give the same bits streamed and resident', async () => {
  await succeeds(call('WHOLE', 'kept'), folder);
  await succeeds(call('RESIDENT', 'kept'), folder);
  const [streamed, resident] = ['WHOLE', 'RESIDENT'].map((name) => {
    const { tensors } = readSafetensors(join(folder, 'kept', name, 'params_last.safetensors'));
    return { tensors, rows: results('kept', name).get('results.csv') };
  });
  expect(streamed).toEqual(resident);
});

describe('a file that cannot be decoded', () => {
  it('is found before training where its header says so', async () => {
    const whole = readFileSync(files.train[11]!);
    writeFileSync(files.train[11]!, 'no image');
    const { code, stderr } = await mpdnn(call('CROPS', 'header'), folder);
    writeFileSync(files.train[11]!, whole);
    expect(stderr).toMatch(/^mpdnn: [^\n]+0022\.JPEG: cannot be decoded \([^\n]+\); replace or remove it\n$/);
    expect(code).toBe(2);
    expect(existsSync(join(folder, 'header'))).toBe(false);
  });

  it.each(tierOf(['train', 'val'] as const, (part) => part === 'train'))(
    'keeps the run where it is found in %s, which goes on when it is mended',
    async (part) => {
      const out = `broken-${part}`;
      const file = files[part][9]!;
      const whole = readFileSync(file);
      // The same size in pixels and in bytes, since otherwise the data would be others; but from a longer file.
      const longer = await sharp(whole).jpeg({ quality: 100 }).toBuffer();
      expect(longer.length).toBeGreaterThan(whole.length);
      writeFileSync(file, longer.subarray(0, whole.length));
      const { code, stderr } = await mpdnn(call('CROPS', out), folder);
      writeFileSync(file, longer);
      const other = await mpdnn(call('CROPS', out, '--resume'), folder);
      expect(other.stderr).toMatch(/^mpdnn: [^\n]+ cannot resume, the (training|test) images are others [^\n]+\n$/);
      writeFileSync(file, whole);
      expect(stderr).toMatch(
        /\nmpdnn: [^\n]+\.(JPEG|png): cannot be decoded \([^\n]+\); put a sound copy in its place; the run is kept up to here: --resume goes on with a copy of as many bytes; another makes other data, so start anew \(--weights params_last\.safetensors keeps what is trained\)\n$/,
      );
      expect(stderr).toContain(relative(folder, file));
      expect(code).toBe(2);
      const { epoch, batch } = positionOf(out);
      expect(epoch).toBe(0);
      if (part === 'val') expect(batch).toBe(8);
      else expect(batch).toBeLessThan(8);
      await succeeds(call('CROPS', out, '--resume'), folder);
      expect(results(out, 'CROPS')).toEqual(results('whole', 'CROPS'));
    },
  );
});

it('bench times decoding against training', async () => {
  const size = ['--batch-size', '8', '--rounds', '1', '--steps', '2'];
  const images = ['--data', 'images:photographs', '--decode-threads', '3'];
  const call = ['bench', 'resnet20-float', '--device', 'cpu', '--threads', '1', ...size, ...images];
  const { stdout } = await succeeds([...call, '--json'], folder);
  const [{ streaming }] = JSON.parse(stdout) as [{ streaming: Record<string, number> }];
  expect(streaming.decodeThreads).toBe(3);
  expect(streaming.decodedImagesPerSecond).toBeGreaterThan(0);
  expect(streaming.streamedImagesPerSecond).toBeGreaterThan(0);
  expect(streaming.waiting).toBeLessThan(1);
  const { code, stderr } = await mpdnn([...call, '--steps', '8'], folder);
  expect(stderr).toBe(
    'mpdnn: data "images:photographs": 64 training images, 72 are needed for 9 batches of 8; ' +
      'give fewer --steps or --rounds, or a smaller --batch-size\n',
  );
  expect(code).toBe(2);
});

it('the folder must be the one that was trained on', async () => {
  rmSync(join(folder, 'whole/CROPS/summary.json'));
  const { code, stderr } = await mpdnn(call('CROPS', 'whole', '--resume', '--limit-train', '60'), folder);
  expect({ code, stderr }).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('limit_train was null, now it is 60'),
  });
  rmSync(files.train[0]!);
  const gone = await mpdnn(call('CROPS', 'whole', '--resume'), folder);
  expect(gone.stderr).toContain('the training images are others');
  expect(gone.code).toBe(2);
});
