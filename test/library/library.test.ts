/** The library from outside: trains as the command line does, and resumes and opens as documented. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { open as openInPage } from '../../src/browser.js';
import {
  generateSynthetic,
  type ImageSource,
  InputError,
  type LabelledImages,
  type LiveLine,
  network,
  open,
  sectionSettings,
  type TrainingData,
  train,
} from '../../src/index.js';
import type { TrainingSettings } from '../../src/library/train.js';
import { parseSafetensorsFile, safetensorsFile } from '../../src/weights/checkedSafetensors.js';
import { succeeds, writeTinyConfig } from '../cli/runMpdnn.js';
import { temporaryFolder } from '../temporaryFolder.js';

const synthetic = generateSynthetic(313, 48);
const shape = { height: 32, width: 32, channels: 3 };
const data: TrainingData = { ...shape, classes: synthetic.classes, train: synthetic.train, test: synthetic.test };
const short = { model: 'tiny', epochs: 2, batch_size: 16 };

/** Grey, or more channels than colours; two classes, dark and bright. */
function plainImages(channels: number, count: number): TrainingData {
  const [height, width] = [8, 8];
  const size = height * width * channels;
  const labels = Array.from({ length: count }, (_, image) => image % 2);
  const images = Uint8Array.from(
    { length: count * size },
    (_, at) => ((at * 37) % 100) + 150 * labels[Math.floor(at / size)]!,
  );
  const all = { images: images.map((byte) => Math.min(byte, 255)), labels };
  return { height, width, channels, classes: ['dark', 'bright'], train: all, test: all };
}

describe('training from arrays', () => {
  let folder: string;
  let cfg: string;
  beforeAll(() => {
    folder = temporaryFolder();
    cfg = writeTinyConfig(folder);
  });

  it('gives the same from images that are read when they are needed', async () => {
    const size = 32 * 32 * 3;
    const source = ({ images, labels }: LabelledImages): ImageSource => ({
      labels,
      read: async (image, target) => target.set(images.subarray(size * image, size * (image + 1))),
    });
    const settings = { ...short, epochs: 1, limit_train: 32 };
    const tensorsOf = (bytes: Uint8Array | null) => [...parseSafetensorsFile(bytes!, 'parameters').tensors];
    const resident = await train({ data, settings });
    const read = await train({ data: { ...data, train: source(data.train), test: source(data.test) }, settings });
    expect(tensorsOf(read.lastParameters)).toEqual(tensorsOf(resident.lastParameters));
    expect(read.summary?.last_val_err).toBe(resident.summary?.last_val_err);

    const failing = { ...source(data.train), read: async () => Promise.reject(new Error('the line is cut')) };
    const mixed = { ...data, train: failing, test: failing };
    await expect(train({ data: mixed, settings })).rejects.toThrow('the line is cut');
    await expect(train({ data: { ...data, test: failing }, settings })).rejects.toThrow(
      'data.test: has images to read, data.train has bytes; all are of one kind',
    );
  });

  it('refuses a section whose network learns from a teacher', () => {
    const taught = join(folder, 'taught.cfg');
    writeFileSync(taught, '[TAUGHT]\nmodel = tiny\ndistill = FLOAT/params_best.safetensors');
    expect(() => sectionSettings(taught, 'TAUGHT')).toThrow(
      `${taught}:3: [TAUGHT] distill = FLOAT/params_best.safetensors: the library knows no teacher; use mpdnn train`,
    );
  });

  it.each(['BUDGET', 'GUARANTEED', 'EXTENDED', 'FP'])(
    'gives the bytes that the command line writes: %s',
    async (section) => {
      const options = ['--data', 'synthetic:48', '--epochs', '2', '--batch-size', '16', '--threads', '1', '--no-plots'];
      await succeeds(['train', section, '--cfg', cfg, ...options], folder);
      // A mirrored stripe of a generated image is one of another class: what the data decide there, settings decide here.
      const settings = { ...sectionSettings(cfg, section), ...short, augment_mirror: false };
      const { finished, lastParameters, parameters, history, summary } = await train({ data, settings });
      const written = (file: string) => readFileSync(join(folder, 'experiments', section, file));
      const tensorsOf = (bytes: Uint8Array) => [...parseSafetensorsFile(bytes, 'parameters').tensors];
      expect(finished).toBe(true);
      expect(tensorsOf(lastParameters!)).toEqual(tensorsOf(written('params_last.safetensors')));
      const rows = history.map(({ epoch, training, evaluation, loss }) =>
        [epoch, training.error, evaluation.error, loss, training.loss1, training.loss2, training.loss3].join(),
      );
      expect(`iter,train_err,val_err,loss,loss1,loss2,loss3\n${rows.join('\n')}\n`).toBe(
        String(written('results.csv')),
      );
      const { seconds: _, images_per_second: __, ...same } = JSON.parse(String(written('summary.json')));
      expect(summary).toMatchObject(same);
      if (same.best_epoch === null) expect(parameters).toBeNull();
      else expect(tensorsOf(parameters!)).toEqual(tensorsOf(written('params_best.safetensors')));
    },
  );

  const learned: TrainingSettings = {
    ...short,
    device: 'cpu',
    threads: 1,
    w_quantize: 'parametric_fp_d_xmax',
    a_quantize: 'parametric_fp_d_xmax_relu',
  };

  it('stops at a signal, and goes on to the bits of a run that never stopped', async () => {
    const whole = await train({ data, settings: learned });
    const controller = new AbortController();
    const steps: number[] = [];
    const stopped = await train({
      data,
      settings: learned,
      signal: controller.signal,
      onEpoch: () => controller.abort(),
      onCheckpoint: (checkpoint) => steps.push(checkpoint.length),
    });
    expect(stopped).toMatchObject({ finished: false, summary: null });
    expect(stopped.history).toHaveLength(1);
    expect(steps).toEqual([stopped.checkpoint.length]);
    const resumed = await train({ data, settings: learned, resume: stopped.checkpoint });
    expect(resumed.history.map(({ training, evaluation }) => [training, evaluation])).toEqual(
      whole.history.map(({ training, evaluation }) => [training, evaluation]),
    );
    expect(resumed.lastParameters).toEqual(whole.lastParameters);
    expect(resumed.parameters).toEqual(whole.parameters);
    expect(resumed.summary?.bits).toEqual(whole.summary?.bits);
    const other = train({ data, settings: { ...learned, seed: 2 }, resume: stopped.checkpoint });
    await expect(other).rejects.toThrow(
      'resume: seed was 313, now it is 2; set it back, or begin a run from its parameters with weights',
    );
    await expect(train({ data, resume: stopped.lastParameters! })).rejects.toThrow('is no checkpoint that the library');
  });

  it('goes on with the same settings and data only', async () => {
    let kept: Uint8Array | undefined;
    const { checkpoint } = await train({ data, settings: learned, onCheckpoint: (file) => (kept ??= file) });
    const refused = async (change: Partial<Parameters<typeof train>[0]>, words: string) =>
      expect(train({ data, settings: learned, resume: kept!, ...change })).rejects.toThrow(`resume: ${words}`);
    const rate = { ...learned, initial_learning_rate: 0.5 };
    await refused({ settings: rate }, 'initial_learning_rate was 0.1, now it is 0.5; set it back, or begin a run from');
    await refused({ settings: { ...learned, warmup_epochs: 1 } }, 'warmup_epochs was 0, now it is 1');
    await refused({ settings: { ...learned, augment_mirror: false } }, 'augment_mirror was ');
    const images = data.train.images.map((pixel) => 255 - pixel) as Uint8Array;
    await refused({ data: { ...data, train: { ...data.train, images } } }, 'the training images are others');
    const [first, ...classes] = data.classes;
    await refused({ data: { ...data, classes: [`${first}!`, ...classes] } }, `class 0 was '${first}', now it is`);
    const lines: string[] = [];
    const settings = { ...learned, epochs: 3 };
    const { history } = await train({ data, settings, resume: checkpoint, onLine: (line) => lines.push(line) });
    expect(history).toHaveLength(3);
    expect(lines.join()).toContain('NOTE: epochs was 2, now it is 3, and the learning rate would drop after epochs 2');
    expect(lines.join()).toContain('so this is not what a run with as many from the start would be');
  });

  it('tells the image that cannot be read, and why', async () => {
    const cause = new TypeError('fetch failed');
    const read = { labels: data.train.labels, read: () => Promise.reject(cause) };
    const fault = await train({ data: { ...data, train: read, test: read }, settings: learned }).catch(
      (error) => error,
    );
    expect(fault.message).toMatch(/^data\.train: image \d+: fetch failed$/);
    expect(fault.cause).toBe(cause);
  });

  it('takes settings that are undefined as left out', async () => {
    const settings: TrainingSettings = {
      ...learned,
      seed: undefined as never,
      target_weight_kbytes: undefined as never,
    };
    const [given, left] = [await train({ data, settings }), await train({ data, settings: learned })];
    expect(given.lastParameters).toEqual(left.lastParameters);
  });

  it('quantizes the activations of layers with whatever name', async () => {
    const named = (name: string) =>
      network({ input: [shape.height, shape.width, shape.channels] }, (n, x) =>
        n.linear(n.globalAverage(n.conv(x, 4, { name })), data.classes.length),
      );
    const { model: _, ...settings } = { ...learned, a_quantize: 'fp_relu', a_bitwidth: 4 };
    const bits = async (name: string) => (await train({ data, settings, network: named(name) })).summary!.bits[name];
    expect([await bits('constructor'), await bits('__proto__')]).toEqual([await bits('plain'), await bits('plain')]);
  });

  it('goes on under other targets where that is said, with frozen bits too', async () => {
    const begun: TrainingSettings = { ...learned, budget: 'guaranteed', target_weight_kbytes: 0.8, budget_search: 0.5 };
    const lines: LiveLine[] = [];
    const { checkpoint, history } = await train({ data, settings: begun, onLive: (line) => lines.push(line) });
    expect(lines[0]).toMatchObject({ type: 'run', epochs: 2, device: expect.stringMatching(/^cpu: 1 thread/) });
    expect(lines.filter(({ type }) => type === 'epoch')).toHaveLength(2);
    const goOn = (target_weight_kbytes: number, hasNewTargets: boolean) =>
      train({ data, settings: { ...begun, epochs: 3, target_weight_kbytes }, resume: checkpoint, hasNewTargets });
    await expect(goOn(0.5, false)).rejects.toThrow(
      'resume: target_weight_kbytes was 0.8, now it is 0.5; set it back, or say that it hasNewTargets',
    );
    const [less, more] = [await goOn(0.5, true), await goOn(1.2, true)];
    const sizes = [less, more].map(({ history: rows }) => rows.map(({ quantizers }) => quantizers.sizes.weights_kb));
    expect(sizes.map((kb) => kb.slice(0, 2))).toEqual(
      Array(2).fill(history.map((row) => row.quantizers.sizes.weights_kb)),
    );
    expect(sizes[0]![2]).toBeLessThanOrEqual(0.5);
    expect(sizes[1]![2]).toBeGreaterThan(0.8);
    expect(sizes[1]![2]).toBeLessThanOrEqual(1.2);
    expect([less, more].map(({ summary }) => summary?.best_epoch)).toEqual([3, 3]);
  });

  it('goes on under other targets in an epoch whose evaluation failed, too', async () => {
    const begun: TrainingSettings = { ...learned, budget: 'guaranteed', target_weight_kbytes: 0.8, budget_search: 1 };
    const pixels = shape.height * shape.width * shape.channels;
    const source = ({ images, labels }: LabelledImages, isThere: () => boolean): ImageSource => ({
      labels,
      read: async (image, target) => {
        if (!isThere()) throw new Error('gone');
        target.set(images.subarray(pixels * image, pixels * (image + 1)));
      },
    });
    let isMended = false;
    const read = { ...data, train: source(data.train, () => true), test: source(data.test, () => isMended) };
    let kept: Uint8Array | undefined;
    const onCheckpoint = (checkpoint: Uint8Array) => (kept = checkpoint);
    const message = 'data.test: image 0: gone; resume goes on with the last checkpoint';
    await expect(train({ data: read, settings: begun, onCheckpoint })).rejects.toThrow(message);
    isMended = true;
    const settings = { ...begun, target_weight_kbytes: 0.55 };
    const { history } = await train({ data: read, settings, resume: kept!, hasNewTargets: true });
    expect(history).toHaveLength(2);
    for (const { quantizers } of history) expect(quantizers.sizes.weights_kb).toBeLessThanOrEqual(0.55);
  });

  it('has reports since the epoch began and since the last one', async () => {
    // A clock that moves on by more than the time between two reports whenever it is read.
    let clock = 0;
    const now = vi.spyOn(performance, 'now').mockImplementation(() => (clock += 300));
    const reports: { epoch: number; batch: number; recent: number; whole: number }[] = [];
    await train({
      data,
      settings: { ...learned, batch_size: 8, epochs: 1, checkpoint_minutes: 1000 },
      onProgress: ({ epoch, batch, recent, metrics }) =>
        reports.push({ epoch, batch, recent: recent.loss1, whole: metrics.loss1 }),
    });
    now.mockRestore();
    expect(reports.length).toBe(6);
    // The mean of the epoch so far is that of its parts, weighed by their batches.
    let [sum, before] = [0, 0];
    for (const { batch, recent, whole } of reports) {
      sum += (batch - before) * recent;
      before = batch;
      expect(sum / batch).toBeCloseTo(whole, 5);
    }
    expect(reports[1]!.recent).not.toBeCloseTo(reports[1]!.whole, 3);
  });

  it.each([1, 2, 4])('takes images of %i channels', async (channels) => {
    const images = plainImages(channels, 16);
    const settings = { ...learned, batch_size: 8, mean: Array(channels).fill(0.5), std: Array(channels).fill(0.25) };
    const { parameters } = await train({ data: images, settings });
    const network = await open(parameters!, { device: 'cpu', threads: 1 });
    expect(network).toMatchObject({ height: 8, width: 8, channels, classes: ['dark', 'bright'], model: 'tiny' });
    expect(await network.predict(images.test.images)).toHaveLength(16);
    await network.close();
  });

  it('takes floats of any range, as they are', async () => {
    const images = plainImages(1, 16);
    const floats = Float32Array.from(images.train.images as Uint8Array, (byte) => 100 * (byte - 128));
    const both = { images: floats, labels: images.train.labels };
    const { parameters } = await train({
      data: { ...images, train: both, validation: both, test: both },
      // So many only where none is held out.
      settings: { ...learned, batch_size: 16, select: 'validation' },
    });
    const network = await open(parameters!, { device: 'cpu', threads: 1 });
    expect(await network.predict(floats)).toHaveLength(16);
    await expect(train({ data: { ...images, train: both }, settings: learned })).rejects.toThrow(
      'data.test: has bytes, data.train has floats; all are of one kind',
    );
    await expect(network.predict(images.test.images)).rejects.toThrow('images: are bytes, the network takes floats');
    await expect(network.predict(floats.with(3, Number.NaN))).rejects.toThrow('images: value 3 is NaN');
    await network.close();
  });

  it.each<[string, Partial<Parameters<typeof train>[0]>, string]>([
    [
      'too many labels',
      { data: { ...data, train: { images: data.train.images, labels: [1] } } },
      'data.train: 1 labels',
    ],
    [
      'a label of no class',
      { data: { ...data, classes: ['a'] } },
      'data.train: label 1 is 1; it must be a whole number from 0 to 0',
    ],
    ['no test images', { data: { ...data, test: undefined as never } }, 'data.test: has no images'],
    ['labels alone', { data: { ...data, train: { labels: [0] } as never } }, 'data.train: has no images'],
    ['no classes', { data: { ...data, classes: [] } }, 'data.classes: names are wanted'],
    ['other targets without a run', { hasNewTargets: true }, 'hasNewTargets: there is no run to resume'],
    [
      'a pixel of no class',
      {
        data: {
          ...plainImages(1, 24),
          train: { ...plainImages(1, 24).train, targets: { values: Array(24 * 64).fill(2), shape: [8, 8] } },
        },
        settings: { loss: 'pixels' },
      },
      'data.train.targets: pixel 0 is 2; classes are numbered from 0 to 1, -1 or 255 is none',
    ],
    ['half an image', { data: { ...data, height: 31.5 } }, 'data.train: height is 31.5'],
    ['bytes that are no images', { data: { ...data, channels: 7 } }, 'are no whole number of images of 32x32x7'],
    ...[Array.from(data.train.images), Uint16Array.from(data.train.images)].map(
      (images): [string, Partial<Parameters<typeof train>[0]>, string] => [
        `images that are a ${images.constructor.name}`,
        { data: { ...data, train: { ...data.train, images: images as unknown as Uint8Array } } },
        'data.train: values must be a Uint8Array or a Float32Array',
      ],
    ),
    ['a setting with a wrong value', { settings: { epochs: 0 } }, 'settings: epochs = 0: must be an integer from 1'],
    [
      'a setting of the command line',
      { settings: { out: 'x' } as TrainingSettings },
      'settings: out: is of the command line',
    ],
    [
      'a setting that is unknown',
      { settings: { epoch: 1 } as TrainingSettings },
      "unknown key; did you mean 'epochs'?",
    ],
    [
      'means of other channels',
      { settings: { batch_size: 8, mean: [0.1, 0.2], std: [1, 1] } },
      'mean = 0.1,0.2: 2 numbers for images of 3 channels',
    ],
    [
      'a batch that is too large',
      { settings: { batch_size: 64 } },
      'batch_size = 64: more than the 48 training images',
    ],
    [
      'weights of another network',
      {
        weights: safetensorsFile([{ name: 'other', shape: [1], data: Float32Array.of(1) }], {}),
        settings: { batch_size: 8, epochs: 1 },
      },
      'weights: holds parameters of another network: its first names are other;',
    ],
    ['damaged weights', { weights: new Uint8Array(9) }, 'weights: no valid safetensors file'],
  ])('refuses %s in words', async (_, changes, message) => {
    const refused = train({ data, settings: { epochs: 1, device: 'cpu', threads: 1 }, ...changes });
    await expect(refused).rejects.toThrow(InputError);
    await expect(train({ data, settings: { epochs: 1, device: 'cpu', threads: 1 }, ...changes })).rejects.toThrow(
      message,
    );
  });
});

describe('a network of one’s own', () => {
  const grey = plainImages(1, 24);
  const own = network({ input: [8, 8, 1] }, (n, x) => {
    const stem = n.conv(x, 4, { stride: 2, activation: 'hardSwish' });
    const gate = n.linear(n.globalAverage(stem), 4, { activation: 'sigmoid' });
    return n.linear(n.flatten(n.concat([n.multiply(stem, gate), stem])), 2);
  });
  const settings = {
    ...{ epochs: 2, batch_size: 8, device: 'cpu', threads: 1, w_quantize: 'parametric_fp_d_xmax' },
    ...{ a_quantize: 'parametric_fp_d_xmax_relu', a_quantize_linear: true },
  };

  it('ends with the same bytes whether it was stopped or not, and is opened from its file alone', async () => {
    const { lastParameters } = await train({ network: own, data: grey, settings });
    const controller = new AbortController();
    const onEpoch = () => controller.abort();
    const stopped = await train({ network: own, data: grey, settings, signal: controller.signal, onEpoch });
    expect(stopped.finished).toBe(false);
    const resumed = await train({ network: own, data: grey, settings, resume: stopped.checkpoint });
    expect(resumed.lastParameters).toEqual(lastParameters);
    const opened = await open(lastParameters!, { device: 'cpu', threads: 1 });
    expect(await opened.predict(grey.test.images as Uint8Array)).toHaveLength(24);
    await opened.close();
  });

  it.each<[string, object, RegExp]>([
    ['beside a model by name', { settings: { model: 'resnet20' } }, /^settings: name a model although network is one/],
    [
      'for other images',
      { data: plainImages(3, 24) },
      /^network: the network takes images of 8x8x1 .* images of 8x8x3/,
    ],
    [
      'that is none',
      { network: { layers: 3 } },
      /^network: is no definition of a network, such as network\(…\) returns/,
    ],
  ])('%s is refused', async (_, other, message) => {
    await expect(train({ network: own, data: grey, settings, ...other })).rejects.toThrow(message);
  });
});

describe('an opened network', () => {
  it.each(['parametric_fp_d_xmax', 'pow2'])(
    'evaluates as its training did, and predicts the same: %s',
    async (kind) => {
      const settings = {
        ...short,
        device: 'cpu',
        threads: 1,
        ema_decay: 0.5,
        w_quantize: kind,
        a_quantize: `${kind}_relu`,
      };
      const { lastParameters, history } = await train({ data, settings });
      const network = await open(lastParameters!, { device: 'cpu', threads: 1 });
      expect(network.classes).toEqual(data.classes);
      const { evaluation, quantizers } = history.at(-1)!;
      expect(await network.evaluate(data.test)).toEqual(evaluation);
      expect([network.bits, network.sizes]).toEqual([quantizers.bits, quantizers.sizes]);
      const [all, first] = await Promise.all([
        network.predict(data.test.images),
        network.predict(data.test.images.subarray(0, 32 * 32 * 3)),
      ]);
      const wrong = all.filter(({ label }, index) => label !== data.test.labels[index]).length;
      expect(wrong / all.length).toBe(evaluation.error);
      expect(first).toEqual([all[0]]);
      const [{ logits, probability, label, class: name }] = first as [(typeof first)[number]];
      const exponentials = logits.map(Math.exp);
      expect(probability).toBeCloseTo(exponentials[label]! / exponentials.reduce((a, b) => a + b), 12);
      expect(name).toBe(data.classes[label]);
      await expect(network.predict(new Uint8Array(5))).rejects.toThrow(
        'images: 5 values are no whole number of images',
      );
      await network.close();
    },
  );

  it('of values that no network has is refused, and so is a start from them', async () => {
    const { lastParameters } = await train({ data, settings: { ...short, device: 'cpu', threads: 1 } });
    const { tensors, metadata } = parseSafetensorsFile(lastParameters!, 'a');
    (tensors.get('conv1/bn/var')!.data as Float32Array)[1] = -1;
    const weights = safetensorsFile([...tensors.values()], metadata);
    await expect(open(weights, { device: 'cpu', threads: 1 })).rejects.toThrow('parameters: conv1/bn/var holds -1');
    const settings = { ...short, device: 'cpu', threads: 1 } as const;
    await expect(train({ data, settings, weights })).rejects.toThrow('weights: conv1/bn/var holds -1');
  });

  it('opens a network with the only normalisation in a layer that nothing reads', async () => {
    // Of an earlier version, which did not refuse them.
    const networkOf = (hasMore: boolean) =>
      network({ input: [8, 8, 3] }, (n, x) => n.linear(n.flatten(hasMore ? n.conv(x, 2) : x), 2));
    const [plain, more] = [networkOf(false), networkOf(true)];
    const unread = { ...plain, layers: [more.layers[0]!, ...plain.layers] };
    const { lastParameters } = await train({
      ...{ data: plainImages(3, 16), network: unread },
      settings: { epochs: 1, batch_size: 8, device: 'cpu', threads: 1 },
    });
    const opened = await open(lastParameters!, { device: 'cpu', threads: 1 });
    expect(await opened.predict(plainImages(3, 2).test.images as Uint8Array)).toHaveLength(2);
    await opened.close();
  });

  it('of a file that does not describe itself is refused', async () => {
    await expect(open('nowhere.safetensors')).rejects.toThrow('nowhere.safetensors: no such file');
    await expect(open(new Uint8Array(3))).rejects.toThrow(InputError);
    await expect(open(undefined as unknown as Uint8Array)).rejects.toThrow(
      'parameters: wants the bytes of a file, such as arrayBuffer() of a File gives',
    );
    await expect(openInPage('a.safetensors' as never)).rejects.toThrow('parameters: wants the bytes of a file');
    await expect(train({ data, weights: 'a.safetensors' as never })).rejects.toThrow(
      'weights: wants the bytes of a file',
    );
  });

  it('is not opened with options that are none, nor used after it was closed', async () => {
    const { lastParameters } = await train({ data, settings: { ...short, device: 'cpu', threads: 1 } });
    for (const [options, message] of [
      [{ threads: 0 }, 'open: threads = 0: must be an integer from 1 to 256, or auto'],
      [{ threads: Number.NaN }, 'open: threads = NaN: must be an integer from 1 to 256, or auto'],
      [{ matmulPrecision: 'foo' }, 'open: matmulPrecision = foo: must be one of auto, float16, float16x2, float32'],
      [{ device: 'foo' }, 'open: device = foo: must be one of auto, cpu, gpu, reference'],
      [{ device: 'cpu', batchSize: 0 }, 'open: batchSize = 0: must be an integer from 1 to 65536'],
    ] as const) {
      const refused = await open(lastParameters!, options as object).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(InputError);
      expect((refused as Error).message).toBe(message);
    }
    const opened = await open(lastParameters!, { device: 'cpu', threads: 1 });
    const last = opened.predict(data.test.images);
    await opened.close();
    expect(await last).toHaveLength(data.test.labels!.length);
    await expect(opened.predict(data.test.images)).rejects.toThrow(
      new InputError('network: it is closed; open it again'),
    );
    await expect(opened.evaluate(data.test)).rejects.toThrow('network: it is closed');
    await opened.close();
  });

  it('is fetched as an ArrayBuffer, which is read as its bytes', async () => {
    const settings = { ...short, device: 'cpu', threads: 1 } as const;
    const { lastParameters, checkpoint } = await train({ data, settings });
    const [weights, resume] = [new Uint8Array(lastParameters!).buffer, new Uint8Array(checkpoint).buffer];
    const opened = await open(weights, { device: 'cpu', threads: 1 });
    expect(await opened.predict(data.test.images as Uint8Array)).toHaveLength(data.test.labels!.length);
    await opened.close();
    const { lastParameters: resumed } = await train({ data, settings, resume });
    expect(resumed).toEqual(lastParameters);
    await expect(train({ data, settings, weights: weights.slice(9) })).rejects.toThrow('weights: no valid safetensors');
  });
});
