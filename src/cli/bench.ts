/**
 * `mpdnn bench`: images a second of whole training steps on generated images, as medians of several rounds; with
 * `--profile` the time of each kernel.
 */

import { cpus } from 'node:os';
import { Command, Option } from 'commander';
import { createRandom, generateSynthetic, type ImageStream, trainingEpoch } from '../data/index.js';
import type { Device, MatmulPrecision } from '../device.js';
import type { Engine } from '../engine/engine.js';
import { selectEngine } from '../engine/selectEngine.js';
import { sharedEngine } from '../engine/sharedEngine.js';
import { InputError } from '../errors.js';
import { median } from '../median.js';
import { STORAGE } from '../nn/index.js';
import { openSession, type Session } from '../program/session.js';
import { buildTrainingProgram } from '../program/trainingProgram.js';
import { experimentFromSettings } from '../settings/index.js';
import { programOptions } from '../train/programOptions.js';
import { benchImages, measureStreaming, type StreamingResult } from './benchImages.js';
import { describeProfile, profileSteps, type StepProfile } from './benchProfile.js';
import { autotuneOption, deviceOption, matmulPrecisionOption, positive, threadsOption, tuningFile } from './options.js';
import { percent, taskDisplay } from './progress.js';

interface Workload {
  readonly model: string;
  readonly imageSize: number;
  readonly classes: number;
  readonly batchSize: number;
  readonly settings: Readonly<Record<string, unknown>>;
}

const quantizedWeights = { w_quantize: 'parametric_fp_d_xmax' };
const quantized = { ...quantizedWeights, a_quantize: 'parametric_fp_d_xmax_relu' };
const resnet20 = { model: 'resnet20', imageSize: 32, classes: 10, batchSize: 128 };
const mobilenetV2 = { model: 'mobilenetv2', imageSize: 224, classes: 1000, batchSize: 128 };
const resnet18 = { model: 'resnet18', imageSize: 224, classes: 1000, batchSize: 128 };

const workloads: Readonly<Record<string, Workload>> = {
  'resnet20-float': { ...resnet20, settings: {} },
  'resnet20-wq': { ...resnet20, settings: quantizedWeights },
  'resnet20-waq': { ...resnet20, settings: quantized },
  'resnet18-float': { ...resnet18, settings: {} },
  'resnet18-waq': { ...resnet18, settings: quantized },
  'mobilenetv2-float': { ...mobilenetV2, settings: {} },
  'mobilenetv2-waq': { ...mobilenetV2, settings: quantized },
};

interface Result {
  readonly workload: string;
  readonly device: string;
  readonly batch: number;
  /** Number of networks that are trained together. */
  readonly networks: number;
  /** A step of all networks, median over the rounds. */
  readonly millisecondsPerStep: number;
  readonly imagesPerSecond: number;
  readonly rounds: readonly number[];
  readonly planMebibytes: number;
  readonly residentMebibytes: number;
  readonly firstStepSeconds: number;
  /** With `--profile`. */
  readonly profile?: StepProfile;
  /** With `--data`. */
  readonly streaming?: StreamingResult;
}

const roundMs = 500;
const leastSteps = 3;

interface BenchOptions {
  readonly device: Device;
  readonly threads?: number;
  readonly matmulPrecision: MatmulPrecision;
  readonly batchSize?: number;
  readonly networks: number;
  readonly rounds: number;
  readonly steps?: number;
  readonly json?: boolean;
  readonly profile?: boolean;
  readonly autotune: boolean;
  readonly data?: string;
  readonly decodeThreads?: number;
}

export function benchCommand(): Command {
  return new Command('bench')
    .description(`time training steps: ${Object.keys(workloads).join(', ')}`)
    .argument('[workload...]', 'workloads', ['resnet20-float', 'resnet20-waq'])
    .addOption(deviceOption('auto'))
    .addOption(threadsOption())
    .addOption(matmulPrecisionOption('auto'))
    .option('--batch-size <n>', 'images per step', positive)
    .addOption(
      new Option('--networks <n>', 'networks that are trained together on a GPU')
        .argParser(positive)
        .default(1)
        .conflicts(['profile', 'data']),
    )
    .option('--rounds <n>', 'number of rounds; their median is reported', positive, 5)
    .option('--steps <n>', 'steps per round (default: half a second, at least three)', positive)
    .option('--profile', 'time of each kernel, and its share of the peak of the machine')
    .option('--data <spec>', 'images:DIR: train on random crops of these, and time their decoding too')
    .option('--decode-threads <n>', 'images decoded at a time', positive)
    .addOption(autotuneOption())
    .option('--json', 'one JSON array on stdout')
    .action(async (names: string[], options: BenchOptions) => {
      const results: Result[] = [];
      for (const name of names) results.push(await measure(name, options));
      if (options.json) process.stdout.write(`${JSON.stringify(results)}\n`);
    });
}

async function measure(name: string, options: BenchOptions): Promise<Result> {
  const found = workloads[name];
  if (!found) throw new InputError(`no workload ${name}; there are ${Object.keys(workloads).join(', ')}`);
  const workload = { ...found, batchSize: options.batchSize ?? found.batchSize };
  const { data, decodeThreads } = options;
  const photographs = data
    ? await benchImages(data, workload, decodeThreads, options.rounds * (options.steps ?? leastSteps))
    : null;
  const engine = await selectEngine(options.device, { ...options, tuningFile: tuningFile(options.autotune) });
  try {
    const { networks } = options;
    if (networks > 1 && !engine.loadTogether) {
      throw new InputError(`--networks ${networks}: only a GPU trains several together; leave it out`);
    }
    const onFewer = (atOnce: number): void => {
      throw new InputError(`--networks ${networks}: the GPU's memory holds ${atOnce} of them`);
    };
    const shares = sharedEngine(engine, networks, { onFewer });
    const sessions = await Promise.all(shares.map((share) => open(share.engine, workload, null)));
    const [session] = sessions as [Session];
    await stepTogether(sessions, 1);
    const firstStepSeconds = performance.now() / 1000;
    const steps = options.steps ?? Math.max(leastSteps, Math.ceil(roundMs / (await warmUp(sessions))));
    const rounds: number[] = [];
    for (let round = 0; round < options.rounds; round++) rounds.push(await stepTogether(sessions, steps));
    const milliseconds = median(rounds);
    const result: Result = {
      workload: name,
      device: `${engine.name}: ${engine.description}`,
      batch: workload.batchSize,
      networks,
      millisecondsPerStep: milliseconds,
      imagesPerSecond: (networks * workload.batchSize * 1000) / milliseconds,
      rounds,
      planMebibytes: (networks * session.program.planBytes) / 2 ** 20,
      residentMebibytes: process.memoryUsage().rss / 2 ** 20,
      firstStepSeconds,
    };
    if (!options.json) process.stdout.write(`${describe(result)}\n`);
    const profile = options.profile ? await profileSteps(engine, session) : null;
    if (profile && !options.json) process.stdout.write(`${describeProfile(profile)}\n`);
    const profiled = profile ? { ...result, profile } : result;
    if (!photographs) return profiled;
    await session.program.dispose();
    const streamed = await open(engine, { ...workload, classes: photographs.classes }, photographs.stream);
    const streaming = await measureStreaming(streamed, photographs.stream, photographs.table);
    if (!options.json) process.stdout.write(`${describeStreaming(streaming)}\n`);
    return { ...profiled, streaming };
  } finally {
    await photographs?.stream.decoders.close();
    await engine.dispose();
  }
}

/**
 * Runs steps for half a second, since an idle GPU starts at a fraction of its clock. Resolves to milliseconds a step of
 * the last two.
 */
async function warmUp(sessions: readonly Session[]): Promise<number> {
  const started = performance.now();
  let milliseconds = 0;
  do {
    milliseconds = await stepTogether(sessions, 2);
  } while (performance.now() - started < roundMs);
  return milliseconds;
}

/** Opens the workload on an engine, with two resident batches of generated images or with a stream. */
async function open(engine: Engine, workload: Workload, stream: ImageStream | null): Promise<Session> {
  const { imageSize, classes, batchSize } = workload;
  const experiment = experimentFromSettings('bench', 'bench', {
    ...workload.settings,
    model: workload.model,
    batch_size: batchSize,
  });
  const shape = {
    classes,
    imageShape: [imageSize, imageSize, 3] as const,
    trainImages: stream?.count ?? 2 * batchSize,
    evaluationImages: batchSize,
    isStreamed: stream !== null,
  };
  const training = buildTrainingProgram(programOptions(experiment, shape, null));
  // Tiles that a GPU does not know yet take up to minutes.
  const loading = taskDisplay();
  const session = await openSession(engine, training, loading.task).finally(loading.stop);
  session.program.write(STORAGE.control, [0.01, 0.1, 0.1, 0]);
  if (stream) session.setTrainingImages(stream);
  else setGeneratedImages(session, workload);
  return session;
}

function setGeneratedImages(session: Session, { imageSize, classes, batchSize }: Workload): void {
  const images = 2 * batchSize;
  const random = createRandom(1);
  const side = imageSize / 32;
  const { train } = generateSynthetic(1, Math.max(images, 10));
  const bytes = new Uint8Array(images * imageSize * imageSize * 3);
  for (let pixel = 0; pixel < bytes.length / 3; pixel++) {
    const image = Math.floor(pixel / (imageSize * imageSize));
    const [row, column] = [Math.floor(pixel / imageSize) % imageSize, pixel % imageSize];
    const source = (image * 1024 + Math.floor(row / side) * 32 + Math.floor(column / side)) * 3;
    for (let channel = 0; channel < 3; channel++) bytes[3 * pixel + channel] = train.images[source + channel]!;
  }
  const labels = Int32Array.from({ length: images }, () => random.below(classes));
  session.setTrainingImages({ images: bytes, labels, count: images, height: imageSize, width: imageSize, channels: 3 });
  session.setBatches(trainingEpoch(images, batchSize, random, { shift: 4, mirror: true }));
}

/** Runs steps of networks that compute together. Resolves to milliseconds a step of all. */
async function stepTogether(sessions: readonly Session[], steps: number): Promise<number> {
  const times = await Promise.all(sessions.map((session) => step(session, steps)));
  return Math.max(...times);
}

/** Runs `steps` steps with one wait at the end. Resolves to milliseconds a step. */
async function step({ program }: Session, steps: number): Promise<number> {
  const start = performance.now();
  for (let index = 0; index < steps; index++) {
    program.write(STORAGE.position, [index % 2]);
    await program.run('train');
  }
  await program.read(STORAGE.loss);
  return (performance.now() - start) / steps;
}

function describe(result: Result): string {
  const memory = `plan ${result.planMebibytes.toFixed(0)} MiB, resident ${result.residentMebibytes.toFixed(0)} MiB`;
  const start = `first step ${result.firstStepSeconds.toFixed(2)} s after start`;
  const speed = `${result.millisecondsPerStep.toFixed(2)} ms, ${result.imagesPerSecond.toFixed(0)} img/s`;
  const networks = result.networks > 1 ? `, ${result.networks} networks` : '';
  return `mpdnn ${result.workload} batch ${result.batch}${networks} on ${result.device} (${cpus()[0]?.model}): ${speed}, ${memory}, ${start}`;
}

function describeStreaming(result: StreamingResult): string {
  const { decodeThreads, decodedImagesPerSecond, streamedImagesPerSecond, waiting } = result;
  return (
    `  images decoded ${decodeThreads} at a time: ${decodedImagesPerSecond.toFixed(0)} img/s; trained on while decoded: ` +
    `${streamedImagesPerSecond.toFixed(0)} img/s, waiting for images ${percent(waiting, 0)} of the time`
  );
}
