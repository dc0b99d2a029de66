import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Program } from '../engine/engine.js';
import { createReferenceEngine } from '../engine/reference/referenceEngine.js';
import { InputError } from '../errors.js';
import { type QuantizerSettings, STORAGE, type StartingWeights } from '../nn/index.js';
import { copyParameters, restoreParameters, useFixedPairs } from '../program/parameters.js';
import { openSession } from '../program/session.js';
import { buildTrainingProgram, type ProgramOptions, type TrainingProgram } from '../program/trainingProgram.js';
import { wideLimitsOfM } from '../quant/index.js';
import { parseSafetensorsFile, safetensorsFile } from '../weights/checkedSafetensors.js';
import { weightsOf } from '../weights/loadedWeights.js';
import { checkpointFile, copyParametersFile, parametersMetadata, readCheckpoint } from './checkpoint.js';
import type { CheckpointState } from './checkpointState.js';

const source = 'run/checkpoint.safetensors';
const tensorsIn = (file: Uint8Array) => parseSafetensorsFile(file, source).tensors;

const batchSize = 2;

function quantizer(kind: QuantizerSettings['kind'], bitwidth = 4): QuantizerSettings {
  const free = { min: 2 ** -8, max: 8 };
  const bounds = { n: { min: 2, max: 16 }, m: wideLimitsOfM, d: free, xmin: free, xmax: { min: 2 ** -8, max: 64 } };
  return {
    kind,
    bitwidth,
    stepSize: 'published',
    bounds: { bounds, accountingXmin: free },
    recomputeRange: false,
    perChannel: false,
    shared: false,
  };
}

/** A narrow ResNet-20 on 8×8 images: every kind of variable, and small enough for the reference engine. */
function build(changes: Partial<ProgramOptions> = {}): TrainingProgram {
  return buildTrainingProgram({
    model: { model: 'resnet20', classes: 3, shortcutType: 'b', scaleLayer: false, widthMultiplier: 0.25 },
    batchSize,
    imageShape: [8, 8, 3],
    weights: quantizer('parametric_fp_d_xmax'),
    activations: quantizer('parametric_pow2_b_xmax'),
    budget: { weightKbytes: 10, activationKbytes: 1, activationType: 'max', lambdaWeight: 0.1, lambdaActivation: 0.1 },
    solver: { type: 'momentum', momentum: 0.9 },
    weightDecay: 1e-4,
    seed: 1,
    starting: null,
    train: { type: 'batch' },
    evaluation: { type: 'batch' },
    ...changes,
  });
}

const load = async (training: TrainingProgram): Promise<Program> =>
  (await openSession(createReferenceEngine(), training)).program;

async function steps(program: Program, first: number, count: number): Promise<void> {
  for (let step = first; step < first + count; step++) {
    const images = Float64Array.from({ length: batchSize * 8 * 8 * 3 }, (_, index) => Math.sin(index * (step + 1)));
    program.write(STORAGE.batchImages, images);
    program.write(STORAGE.batchLabels, [step % 3, (step + 1) % 3]);
    program.write(STORAGE.control, [0.05, 0.1, 0.1, 0.25]);
    await program.run('train');
  }
}

/** A program of float32 storages that computes nothing: what other engines look like from outside. */
function float32Program({ plan }: TrainingProgram): Program {
  const storages = new Map(plan.storages.map(({ name, length }) => [name, new Float32Array(length)]));
  return {
    planBytes: 0,
    write: (name, data, offset = 0) => storages.get(name)!.set(data, offset),
    read: async (name) => storages.get(name)!.slice(),
    run: async () => {},
    profile: async () => [],
    dispose: async () => {},
  };
}

/** Hashes of all that lasts, since comparing long arrays element by element takes seconds. */
async function contents(training: TrainingProgram, program: Program): Promise<Map<string, string>> {
  const names = [STORAGE.parameters, STORAGE.running, STORAGE.velocity, STORAGE.secondMoment, STORAGE.quantizers];
  const averages = [STORAGE.parameterAverage, STORAGE.runningAverage];
  const more = [STORAGE.quantizerVelocity, STORAGE.quantizerSecondMoment, STORAGE.metrics, ...averages];
  const known = [...names, ...more].filter((name) => training.plan.storages.some((storage) => storage.name === name));
  const hash = async (name: string) =>
    createHash('sha256')
      .update(await program.read(name))
      .digest('hex');
  return new Map(await Promise.all(known.map(async (name) => [name, await hash(name)] as const)));
}

const state: CheckpointState = {
  epoch: 3,
  batch: 2,
  step: 17,
  random: [0, 1, 2 ** 31, 2 ** 32 - 1],
  best: { error: 1 / 3, epoch: 2, testError: 0.35 },
  seconds: 0.5,
  trainingSeconds: 0.1 + 0.2,
  imagesTrained: 34,
  lastError: 0.7,
  lastTestError: 0.71,
  fittedEpochs: 3,
};

describe('a checkpoint', () => {
  it.each<Partial<ProgramOptions>>([
    { solver: { type: 'momentum', momentum: 0.9 } },
    { solver: { type: 'momentum', momentum: 0.9, nesterov: true }, movingAverages: true, decayExclude: ['bn', 'bias'] },
    { solver: { type: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }, movingAverages: true },
    { weights: { ...quantizer('parametric_fp_d_xmax'), perChannel: true }, quantizerLearningRateFactor: 0.5 },
  ])('continues bit for bit with %o', async (changes) => {
    const training = build(changes);
    const whole = await load(training);
    await steps(whole, 0, 1);
    const file = await checkpointFile(training, whole, state);
    const interrupted = await contents(training, whole);
    await steps(whole, 1, 1);

    // Other start values, so that nothing can be right by chance.
    const again = build(changes);
    for (const { start } of again.variables.parameters) start.fill(0.5);
    const checkpoint = readCheckpoint({ file, source }, again);
    expect(checkpoint.state).toEqual(state);
    const resumed = await load(again);
    checkpoint.restore(resumed);
    expect(await contents(again, resumed)).toEqual(interrupted);
    await steps(resumed, 1, 1);
    expect(await contents(again, resumed)).toEqual(await contents(training, whole));
  });

  it('keeps the bits of float32 engines', async () => {
    const training = build();
    const program = float32Program(training);
    for (const { view, start } of training.variables.parameters) program.write(view.storage.name, start, view.offset);
    const file = await checkpointFile(training, program, state);
    const resumed = float32Program(training);
    readCheckpoint({ file, source }, training).restore(resumed);
    expect(await contents(training, resumed)).toEqual(await contents(training, program));
    expect(tensorsIn(file).get('conv1/quantized_conv/W')?.data).toBeInstanceOf(Float32Array);
  });

  it('gives fixed quantizers the pairs that the run began with', async () => {
    const values = new Float64Array(3 * 4 * 9).fill(5);
    const name = 'conv1/quantized_conv/W';
    const starting: StartingWeights = {
      source: 'start',
      get: (asked) => (asked === name ? { shape: [4, 3, 3, 3], values } : undefined),
    };
    const options = { weights: quantizer('fp'), activations: quantizer('pow2') };
    const training = build({ ...options, starting });
    const file = await checkpointFile(training, float32Program(training), state);
    const again = build(options);
    expect(again.variables.quantizers).not.toEqual(training.variables.quantizers);
    readCheckpoint({ file, source }, again);
    expect(again.variables.quantizers).toEqual(training.variables.quantizers);
    const update = again.plan.phases.train?.find(({ op }) => op === 'quantizerUpdate');
    expect(update?.attributes).toMatchObject({ rows: training.variables.quantizers });
    const otherBits = build({ ...options, weights: quantizer('fp', 8) });
    expect(() => useFixedPairs(otherBits, weightsOf(tensorsIn(file), source))).toThrow(
      'conv1/quantized_conv/Wquant has 4 bits, here it has 8',
    );
  });

  it.each<[string, Partial<ProgramOptions>, string]>([
    ['seed', { seed: 2 }, 'seed was 1, now it is 2'],
    ['quantizer', { weights: quantizer('fp') }, 'weights.kind was "parametric_fp_d_xmax", now it is "fp"'],
    [
      'network',
      { model: { model: 'resnet32', classes: 3, shortcutType: 'b', scaleLayer: false, widthMultiplier: 0.25 } },
      'model.model was "resnet20", now it is "resnet32"',
    ],
    ['list', { decayExclude: ['bn', 'bias'] }, 'decayExclude was ["bn"], now it is ["bn","bias"]'],
    ['set of layers', { exceptions: { conv1: quantizer('fp') } }, 'exceptionNames was [], now it is ["conv1"]'],
  ])('of another %s is refused', async (_, changes, message) => {
    const training = build({ decayExclude: ['bn'] });
    const file = await checkpointFile(training, float32Program(training), state);
    const read = () => readCheckpoint({ file, source }, build({ decayExclude: ['bn'], ...changes }));
    expect(read).toThrow(InputError);
    expect(read).toThrow(`${source}: is of a run with other settings: ${message}`);
  });

  it('that is cut, changed or incomplete is refused', async () => {
    const training = build();
    const fault = (file: Uint8Array): string => {
      try {
        readCheckpoint({ file, source }, training);
        return '';
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
        return (error as Error).message;
      }
    };
    const bytes = await checkpointFile(training, float32Program(training), state);
    expect(fault(bytes)).toBe('');
    expect(fault(bytes.subarray(0, bytes.length - 4))).toContain('no valid safetensors file, it ends within');
    expect(fault(Uint8Array.from(bytes).fill(1, bytes.length - 1))).toContain('damaged');
    const { tensors, metadata } = parseSafetensorsFile(bytes, source);
    const rewritten = (changes: Record<string, string>, without?: string) =>
      safetensorsFile(
        [...tensors.values()].filter(({ name }) => name !== without),
        { ...metadata, ...changes },
      );
    expect(fault(rewritten({}, 'velocity:conv1/bn/gamma'))).toContain(
      'has no velocity:conv1/bn/gamma; it belongs to another network',
    );
    for (const broken of ['{}', 'null', JSON.stringify({ ...state, random: [1, 2, 3] })]) {
      expect(fault(rewritten({ state: broken }))).toContain('its state is incomplete');
    }
    expect(fault(rewritten({ settings: '{' }))).toContain('its metadata is no JSON');
    expect(fault(rewritten({ version: '9' }))).toContain('has version 9, this program reads version 1');
    expect(fault((await copyParametersFile(training, float32Program(training)))().bytes)).toContain(
      'no checkpoint of a run',
    );
  });

  it('of an older version has the defaults of what it does not know', async () => {
    const training = build();
    const { tensors, metadata } = parseSafetensorsFile(
      await checkpointFile(training, float32Program(training), state),
      source,
    );
    const { lastTestError: _, fittedEpochs: __, seconds: ___, ...older } = { ...state, best: { error: 0.5, epoch: 1 } };
    const file = safetensorsFile([...tensors.values()], { ...metadata, state: JSON.stringify(older) });
    expect(readCheckpoint({ file, source }, training).state).toEqual({
      ...older,
      best: { error: 0.5, epoch: 1, testError: null },
      seconds: state.trainingSeconds,
      lastTestError: null,
      fittedEpochs: 0,
    });
  });
});

describe('a file of parameters', () => {
  it('has the published names and layouts', async () => {
    const training = build();
    const program = await load(training);
    const tensors = new Map((await copyParameters(training, program))().map((tensor) => [tensor.name, tensor]));
    expect(tensors.get('conv1/quantized_conv/W')?.shape).toEqual([4, 3, 3, 3]);
    const { start, shape } = training.variables.find('conv1/quantized_conv/W')!;
    expect(shape).toEqual([3, 3, 3, 4]);
    // Output 2, input 1, row 2, column 0: OIHW outside, HWIO inside.
    expect(tensors.get('conv1/quantized_conv/W')?.data[2 * 27 + 9 + 6]).toBe(start[(2 * 3 * 3 + 1) * 4 + 2]);
    expect(tensors.get('conv1/bn/var')?.data).toEqual(new Float64Array(4).fill(1));
    const row = training.variables.quantizers.findIndex(({ name }) => name === 'conv1/Aquant');
    const xmax = tensors.get('conv1/Aquant/parametric_pow2_b_xmax/xmax');
    expect(xmax).toMatchObject({ shape: [], data: Float64Array.of(training.variables.table[2 * row + 1]!) });
  });

  it('is where another run starts, and comes back whole', async () => {
    const training = build();
    const program = await load(training);
    await steps(program, 0, 1);
    const file = (await copyParametersFile(training, program, parametersMetadata(training, { epoch: '1' })))().bytes;
    expect(parseSafetensorsFile(file, source).metadata.epoch).toBe('1');
    const starting = weightsOf(tensorsIn(file), source);
    const started = await load(build({ starting, seed: 2 }));
    const restoring = build({ seed: 2 });
    const restored = await load(restoring);
    restoreParameters(restoring, restored, starting);
    const wanted = await contents(training, program);
    for (const other of [started, restored]) {
      const found = await contents(training, other);
      for (const name of [STORAGE.parameters, STORAGE.running, STORAGE.quantizers]) {
        expect(found.get(name)).toBe(wanted.get(name));
      }
    }
  });

  it('holds the moving averages where there are any; the checkpoint, both', async () => {
    const training = build({ movingAverages: true });
    const program = await load(training);
    await steps(program, 0, 1);
    const name = 'conv1/bn/beta';
    const { offset } = training.variables.find(name)!.view;
    const raw = await program.read(STORAGE.parameters, offset, 4);
    const average = await program.read(STORAGE.parameterAverage, offset, 4);
    // They start at 0, and a quarter of the step counts.
    expect(raw.some((value) => value !== 0)).toBe(true);
    expect([...average]).toEqual([...raw].map((value) => value / 4));
    const files = [
      tensorsIn((await copyParametersFile(training, program))().bytes),
      tensorsIn(await checkpointFile(training, program, state)),
    ];
    expect(files.map((file) => file.get(name)?.data)).toEqual([average, raw]);
    expect(files.map((file) => file.get(`average:${name}`)?.data)).toEqual([undefined, average]);
    const restored = await load(training);
    restoreParameters(training, restored, weightsOf(files[0]!, source));
    expect(await restored.read(STORAGE.parameterAverage)).toEqual(await program.read(STORAGE.parameterAverage));
    expect(await restored.read(STORAGE.runningAverage)).toEqual(await program.read(STORAGE.runningAverage));
  });

  it('of another network is not restored, be it deeper', async () => {
    const training = build();
    const deeper = build({
      model: { model: 'resnet32', classes: 3, shortcutType: 'b', scaleLayer: false, widthMultiplier: 0.25 },
    });
    const weights = weightsOf(tensorsIn((await copyParametersFile(deeper, float32Program(deeper)))().bytes), source);
    const restore = () => restoreParameters(training, float32Program(training), weights);
    expect(restore).toThrow(InputError);
    expect(restore).toThrow(/has res1\/layer4\/\S+, which this network does not have; it belongs to another network/);
    const classes = build({
      model: { model: 'resnet32', classes: 4, shortcutType: 'b', scaleLayer: false, widthMultiplier: 0.25 },
    });
    expect(() => restoreParameters(classes, float32Program(classes), weights)).toThrow(
      'fc/quantized_affine/W has shape [16,3] instead of [16,4]',
    );
  });
});
