/** Every parser of what a user brings, fed with mutations of sound inputs (`fuzz.ts`). */
import {
  closeSync,
  constants,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { File as H5File, ready } from 'h5wasm/node';
import sharp from 'sharp';
import tar from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCifar } from '../../src/data/files/cifar.js';
import { cifar10 } from '../../src/data/files/cifarSets.js';
import { loadCsv } from '../../src/data/files/csv.js';
import { decodeImages } from '../../src/data/files/decodeImages.js';
import { createDecoders } from '../../src/data/files/decoders.js';
import { listImageFolder, loadImageFolder, streamImageFolder } from '../../src/data/files/imageFolder.js';
import { readCachedImages } from '../../src/data/files/imageFolderCache.js';
import { measured } from '../../src/data/files/imageSizes.js';
import { loadMnist } from '../../src/data/files/mnist.js';
import { parseNpy } from '../../src/data/files/npy.js';
import { parseWav } from '../../src/data/files/wavFile.js';
import { parseDataSpec } from '../../src/data/index.js';
import { zipFiles } from '../../src/disk/zip.js';
import { elementCount } from '../../src/elementCount.js';
import { createReferenceEngine } from '../../src/engine/reference/referenceEngine.js';
import { openWith } from '../../src/library/network.js';
import { trainWith } from '../../src/library/train.js';
import { importOnnx } from '../../src/onnx/index.js';
import { openSession } from '../../src/program/session.js';
import { buildTrainingProgram } from '../../src/program/trainingProgram.js';
import { readRunRecord } from '../../src/report/runRecord.js';
import { evaluatedExperiment } from '../../src/runs/evaluationData.js';
import { openRunFolder } from '../../src/runs/index.js';
import { parseConfig } from '../../src/settings/configFile.js';
import { experimentFromSettings, resolveExperiment } from '../../src/settings/index.js';
import { parseLayerRules } from '../../src/settings/layerRules.js';
import { checkpointFile, readCheckpoint } from '../../src/train/checkpoint.js';
import { programOptions } from '../../src/train/programOptions.js';
import { readRunFile } from '../../src/train/readRunFile.js';
import { initialState } from '../../src/train/train.js';
import { parseSafetensorsFile, safetensorsFile } from '../../src/weights/checkedSafetensors.js';
import { sound, weightsOf } from '../../src/weights/loadedWeights.js';
import { readPytorch } from '../../src/weights/pytorchFile.js';
import { encodeSafetensors, type Safetensors } from '../../src/weights/safetensors.js';
import { readStartingWeights } from '../../src/weights/startingWeights.js';
import { npy, zip } from '../arrayFiles.js';
import { residual } from '../onnx/residual.js';
import { torchFile, floats as torchFloats } from '../pytorchFile.js';
import { writeExampleRun } from '../report/exampleRun.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { wavChunk, wavFile } from '../wavFile.js';
import { asText, fuzz } from './fuzz.js';

const folder = temporaryFolder();
const at = (...names: string[]): string => path.join(folder, ...names);
const cacheDirectory = at('cache');
const text = (value: string): Uint8Array => Buffer.from(value);
const options = { cacheDirectory, download: false };

/** Reads a file of this name that has the mutated bytes. */
const fromFile =
  (file: string, read: (file: string) => unknown) =>
  (bytes: Uint8Array): unknown => {
    overwrite(file, bytes);
    return read(file);
  };

const survives = (what: string, run: () => Promise<{ refused: number }>): void => {
  it(what, async () => expect((await run()).refused).toBeGreaterThan(0));
};

afterAll(() => {
  // The process's peak memory, in KiB.
  expect(process.resourceUsage().maxRSS).toBeLessThan(2 ** 20);
});

describe('files of weights', () => {
  const tensors = [
    { name: 'conv1.weight', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
    { name: 'step', shape: [], data: BigInt64Array.of(7n) },
  ];
  const useAll = async (file: string): Promise<void> => {
    const weights = await readStartingWeights(file);
    for (const name of weights.names) weights.get(name);
  };

  survives('safetensors', () =>
    fuzz([encodeSafetensors(tensors, { format: 'pt' })], (bytes) => {
      const { tensors, unread } = parseSafetensorsFile(bytes, 'a.safetensors');
      const weights = sound(weightsOf(tensors, 'a.safetensors', unread));
      for (const name of weights.names) weights.get(name);
    }),
  );

  survives("PyTorch's .pt, whole files and their pickles", async () => {
    const file = torchFile({ epoch: 3, model: { a: torchFloats([2, 2], [1, 2, 3, 4]) } });
    const parts = await zipFiles(file, () => true, 'a.pt');
    return fuzz([file, parts.get('a/data.pkl')!], async (bytes) => {
      const isPickle = bytes[0] === 0x80;
      const whole = isPickle ? zip({ ...Object.fromEntries(parts), 'a/data.pkl': bytes }) : bytes;
      const weights = sound(await readPytorch(whole, 'a.pt'));
      for (const name of weights.names) weights.get(name);
    });
  });

  survives("NNabla's .h5", async () => {
    await ready;
    const file = new H5File(at('sound.h5'), 'w');
    file.create_group('conv1');
    file.create_dataset({ name: 'conv1/W', data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] });
    file.create_dataset({ name: 'labels', data: ['a', 'b'] });
    file.close();
    return fuzz([readFileSync(at('sound.h5'))], fromFile(at('a.h5'), useAll));
  });

  survives('checkpoints', async () => {
    const settings = { model: 'tiny', data: 'synthetic', batch_size: '2', w_quantize: 'parametric_fp_d_xmax' };
    const experiment = experimentFromSettings('A', 'a.cfg', settings);
    const shape = { classes: 3, imageShape: [8, 8, 3] as const, trainImages: 4, evaluationImages: 4 };
    const program = buildTrainingProgram(programOptions(experiment, shape, null));
    const session = await openSession(createReferenceEngine(), program);
    const sound = await checkpointFile(program, session.program, initialState(experiment));
    return fuzz([sound], (bytes) => readCheckpoint({ file: bytes, source: 'checkpoint.safetensors' }, program));
  });
});

it('networks of ONNX files', async () => {
  const { read, refused } = await fuzz([residual(false)], (bytes) => importOnnx(bytes, 'a.onnx'));
  expect(Math.min(read, refused)).toBeGreaterThan(0);
});

describe('what files of parameters tell of themselves', () => {
  const classes = ['a', 'b'];
  const image = { images: new Uint8Array(4 * 4 * 3), labels: [1] };
  const data = { height: 4, width: 4, channels: 3, classes, train: image, test: image };
  const settings = { model: 'tiny', epochs: 1, batch_size: 1, w_quantize: 'fp' } as const;
  const engine = async () => createReferenceEngine();
  let file: Safetensors;
  let run: Uint8Array;
  beforeAll(async () => {
    const { parameters, checkpoint } = await trainWith(engine)({ data, settings });
    file = parseSafetensorsFile(parameters!, 'a');
    run = checkpoint;
  });

  for (const key of ['settings', 'data'] as const) {
    survives(key, () =>
      fuzz([text(file.metadata[key]!)], async (bytes) => {
        const metadata = { ...file.metadata, [key]: asText(bytes) };
        const network = await openWith(engine)(safetensorsFile([...file.tensors.values()], metadata));
        await network.close();
      }),
    );
  }

  survives('runs of the library', () => {
    const { tensors, metadata } = parseSafetensorsFile(run, 'a');
    return fuzz([text(metadata.history!)], (bytes) =>
      readRunFile(safetensorsFile([...tensors.values()], { ...metadata, history: asText(bytes) }), 'a'),
    );
  });

  survives('states of checkpoints', () => {
    const experiment = experimentFromSettings('A', 'a.cfg', { ...settings, data: 'synthetic' });
    const shape = { classes: 2, imageShape: [4, 4, 3] as const, trainImages: 1, evaluationImages: 1 };
    const program = buildTrainingProgram(programOptions(experiment, shape, null));
    const { tensors } = parseSafetensorsFile(run, 'a');
    const checkpoint = parseSafetensorsFile(tensors.get('checkpoint')!.data as Uint8Array, 'a');
    const { state, settings: own } = checkpoint.metadata;
    return fuzz([text(state!), text(own!)], (bytes) => {
      const key = asText(bytes).includes('epoch') ? 'state' : 'settings';
      const metadata = { ...checkpoint.metadata, [key]: asText(bytes) };
      readCheckpoint({ file: safetensorsFile([...checkpoint.tensors.values()], metadata), source: 'a' }, program);
    });
  });
});

describe('datasets', () => {
  const labelled = (label: number) => Buffer.concat([Uint8Array.of(label), Buffer.alloc(3072, 9)]);
  const binaryNames = [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`);
  const binaries = [...binaryNames, 'test_batch.bin'];
  survives('CIFAR-10, binary', () => {
    mkdirSync(at('binary'));
    for (const name of binaries) writeFileSync(at('binary', name), labelled(3));
    return fuzz(
      [labelled(3)],
      fromFile(at('binary', 'test_batch.bin'), () => loadCifar(cifar10, at('binary'), options)),
    );
  });

  survives('CIFAR-10, python', () => {
    const bytes = Buffer.concat([
      Buffer.from('\x80\x05}(C\x04data\x8c\x13numpy._core.numeric\x8c\x0b_frombuffer\x93(B\x00\x0c\x00\x00', 'latin1'),
      Buffer.alloc(3072, 9),
      Buffer.from('cnumpy\ndtype\n(\x8c\x02u1\x89\x88tRK\x01M\x00\x0c\x86\x8c\x01CtRU\x06labels](K\x03eu.', 'latin1'),
    ]);
    mkdirSync(at('python'));
    for (const name of binaries) writeFileSync(at('python', name.replace('.bin', '')), bytes);
    return fuzz(
      [bytes],
      fromFile(at('python', 'test_batch'), () => loadCifar(cifar10, at('python'), options)),
    );
  });

  survives('CIFAR-10, archived', async () => {
    const pack = tar.pack();
    for (const name of binaries) pack.entry({ name: `a/${name}`, pax: { comment: 'x' } }, labelled(3));
    pack.finalize();
    const chunks: Buffer[] = [];
    for await (const chunk of pack) chunks.push(chunk as Buffer);
    const archive = Buffer.concat(chunks);
    const outcomes = await fuzz(
      [archive, gzipSync(archive)],
      fromFile(at('cifar.tar'), (file) => loadCifar(cifar10, file, options)),
      // Half of the headers get a sum that fits, so that more than the check of sums is tried.
      (bytes, random) => (random.below(2) === 0 ? withSums(bytes) : bytes),
    );
    expect(outcomes.read).toBeGreaterThan(0);
    return outcomes;
  });

  survives('MNIST', () => {
    const idx = (type: number, ...sizes: number[]) => {
      const header = Buffer.alloc(4 + 4 * sizes.length);
      header.writeUInt32BE(type);
      sizes.forEach((size, axis) => {
        header.writeUInt32BE(size, 4 + 4 * axis);
      });
      return Buffer.concat([header, Buffer.alloc(elementCount(sizes), 1)]);
    };
    const images = idx(0x803, 2, 4, 4);
    mkdirSync(at('mnist'));
    for (const part of ['train', 't10k']) {
      writeFileSync(at('mnist', `${part}-images-idx3-ubyte`), images);
      writeFileSync(at('mnist', `${part}-labels-idx1-ubyte`), idx(0x801, 2));
    }
    return fuzz(
      [images, gzipSync(images)],
      fromFile(at('mnist', 't10k-images-idx3-ubyte'), () => loadMnist(at('mnist'))),
    );
  });

  const floats = npy([2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
  const texts = npy([2], Uint8Array.of(97, 98), "{'descr': '|S1', 'fortran_order': False, 'shape': (2,), }");
  survives('.npy files', () => fuzz([floats, texts], (bytes) => parseNpy(bytes, 'a.npy')));

  survives('.npz files', () => {
    const files = { 'x_train.npy': floats, 'class_names.npy': texts };
    return fuzz([zip(files), zip(files, true)], async (bytes) => {
      for (const [name, file] of await zipFiles(bytes, () => true, 'a.npz')) parseNpy(file, name);
    });
  });

  survives('.wav files', () => {
    const samples = new Uint8Array(Int16Array.of(1, -2, 3).buffer);
    return fuzz([wavFile({ bits: 16 }, samples, wavChunk('LIST', samples))], (bytes) => parseWav(bytes, 'a.wav'));
  });

  survives('.csv files', () => {
    const table = 'length,split,label,"wide, or not"\n1,train,b,10\n3,train,a,10\n-2.5e-1,test,a,"4"\n';
    return fuzz(
      [text(table), text(table.replaceAll('split', 'x').replaceAll(/train|test/g, '1'))],
      fromFile(at('a.csv'), (file) => loadCsv(file, 1, false)),
    );
  });

  survives('the word after --data', () => {
    const specs = ['cifar10:a', 'mnist:b', 'images:c', 'arrays:d', 'synthetic:100'].map(text);
    return fuzz(specs, (bytes) => parseDataSpec(asText(bytes)));
  });
});

describe('images', () => {
  const noise = Buffer.from(Uint8Array.from({ length: 8 * 8 * 3 }, (_, index) => (index * 7919) >> 4));
  const encoded = (format: 'jpeg' | 'png' | 'webp' | 'tiff' | 'gif') =>
    sharp(noise, { raw: { width: 8, height: 8, channels: 3 } })
      .toFormat(format)
      .toBuffer();
  let inputs: Uint8Array[];
  const decoders = createDecoders(1);
  beforeAll(async () => {
    inputs = await Promise.all((['jpeg', 'png', 'webp', 'tiff', 'gif'] as const).map(encoded));
    for (const part of ['train', 'val']) {
      mkdirSync(at('images', part, 'ant'), { recursive: true });
      for (const name of ['1.png', '2.png']) writeFileSync(at('images', part, 'ant', name), inputs[1]!);
    }
  });
  afterAll(() => decoders.close());

  const image = (file: string) => ({ file, name: 'a', label: 0, bytes: 0, modifiedMs: 0 });
  survives('decoded whole', () =>
    fuzz(
      inputs,
      fromFile(at('image'), (file) => decodeImages([image(file)], 4, undefined)),
    ),
  );

  survives('measured', () =>
    fuzz(
      inputs,
      fromFile(at('image'), (file) => decoders.measure(file)),
    ),
  );

  survives('decoded in parts', () => {
    const framing = { type: 'region', region: { left: 1, top: 2, width: 5, height: 6 }, side: 4 } as const;
    return fuzz(
      inputs,
      fromFile(at('image'), (file) => decoders.decode(file, framing, new Uint8Array(48))),
    );
  });

  it('whose cache is damaged count as not decoded, for two who look at once', async () => {
    const listing = listImageFolder(at('images'));
    const options = { cacheDirectory: at('decoded') };
    const { train, test } = await loadImageFolder(listing, options);
    const cache = at('decoded', readdirSync(at('decoded'))[0]!);
    const look = () => readCachedImages(listing.location, [listing.train, listing.test], options);
    const { refused } = await fuzz(
      [readFileSync(cache)],
      fromFile(cache, async () => {
        for (const sets of await Promise.all([look(), look()])) if (sets) expect(sets).toEqual([train, test]);
      }),
    );
    expect(refused).toBe(0);
  });

  it('whose remembered sizes are damaged are measured anew', async () => {
    const quick = { ...decoders, measure: async () => ({ width: 8, height: 8 }) };
    const { train } = streamImageFolder(listImageFolder(at('images')), 4, 'crop', quick);
    const measure = async () => (await measured(train, { cacheDirectory: at('sizes') })).sizes;
    const sound = await measure();
    const cache = at('sizes', readdirSync(at('sizes'))[0]!);
    const { refused } = await fuzz(
      [readFileSync(cache)],
      fromFile(cache, async () => expect(await measure()).toEqual(sound)),
    );
    expect(refused).toBe(0);
  });
});

describe('settings', () => {
  const config = `[DEFAULT]
model = resnet20
w_bits = 4
[A]
epochs = 10
w_quantize = parametric_fp_d_xmax
layers = conv1*: w_bitwidth = %(w_bits)s; !fc: w_quantize = none
  *bn*: a_bitwidth = 8
# a remark
target_weight_kbytes = 70
learning_rate_drops = 5, 8
`;
  survives('.cfg files', () =>
    fuzz([text(config.replace('w_bits = 4\n', '')), text(config)], (bytes) => {
      const file = parseConfig(asText(bytes), 'a.cfg');
      for (const name of file.sections.keys()) resolveExperiment(file, name);
    }),
  );

  survives('rules for layers', () => {
    const rules = [
      'conv*/W: w_bitwidth = 4, w_quantize = parametric_fp_d_xmax; !fc*: w_bitwidth = 8',
      'a?b*: a_bitwidth=2',
    ];
    return fuzz(rules.map(text), (bytes) => parseLayerRules(asText(bytes), 'layers'));
  });
});

describe('run folders', () => {
  const run = {
    name: 'RUN',
    epochs: 3,
    layers: 2,
    quantized: true,
    targetWeightKbytes: 70,
  };
  let root: string;
  beforeAll(() => {
    root = writeExampleRun(folder, run);
  });

  survives('config.json, to evaluate with', async () => {
    const file = path.join(root, 'config.json');
    const sound = readFileSync(file);
    const shape = { classes: 3, imageShape: [8, 8, 3] as const, trainImages: 1, evaluationImages: 1 };
    try {
      return await fuzz(
        [sound],
        fromFile(file, () => programOptions(evaluatedExperiment(openRunFolder(root), {}), shape, null)),
      );
    } finally {
      writeFileSync(file, sound);
    }
  });

  for (const name of [
    'config.json',
    'summary.json',
    'results.csv',
    'sizes.csv',
    'quantizers.csv',
    'test_losses_q.csv',
  ]) {
    survives(name, async () => {
      const file = path.join(root, name);
      const sound = readFileSync(file);
      try {
        return await fuzz(
          [sound],
          fromFile(file, () => readRunRecord(root)),
        );
      } finally {
        writeFileSync(file, sound);
      }
    });
  }
});

/** Like `writeFileSync`, but cut to length at the end: ext4 takes two milliseconds for a file that is emptied first. */
function overwrite(file: string, bytes: Uint8Array): void {
  const handle = openSync(file, constants.O_RDWR | constants.O_CREAT);
  writeSync(handle, bytes, 0, bytes.length, 0);
  ftruncateSync(handle, bytes.length);
  closeSync(handle);
}

/** A tar archive whose headers' sums fit, wherever there are blocks with the mark of a header. */
function withSums(bytes: Uint8Array): Uint8Array {
  for (let start = 0; start + 512 <= bytes.length; start += 512) {
    const header = bytes.subarray(start, start + 512);
    if (Buffer.from(header.subarray(257, 262)).toString('latin1') !== 'ustar') continue;
    header.fill(32, 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.set(Buffer.from(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  }
  return bytes;
}
