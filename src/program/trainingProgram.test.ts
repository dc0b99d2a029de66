import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packAugmentation } from '../data/augmentation.js';
import type { Engine, Program, StorageArray } from '../engine/engine.js';
import { createReferenceEngine } from '../engine/reference/referenceEngine.js';
import { selectEngine } from '../engine/selectEngine.js';
import { type NetworkDefinition, network, STORAGE, type StartingWeights } from '../nn/index.js';
import { bestExponents, bestStart, parameterNames, startWithStep, tableSizes } from '../quant/index.js';
import { type Experiment, experimentFromSettings, withDefinition } from '../settings/index.js';
import { checkpointFile, readCheckpoint } from '../train/checkpoint.js';
import { programOptions, quantizedNetwork } from '../train/programOptions.js';
import { initialState } from '../train/train.js';
import { type LoadedWeights, weightsOf } from '../weights/loadedWeights.js';
import { copyPlaces, learnedPlaces } from './learnedValues.js';
import { copyParameters, teach } from './parameters.js';
import { openSession } from './session.js';
import { buildTrainingProgram, type ProgramOptions, type TrainingProgram } from './trainingProgram.js';

const quantized = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu' };

const data = { classes: 3, imageShape: [8, 8, 3] as const, trainImages: 2, evaluationImages: 2 };
/** Two 8×8 images that the host writes. */
const hostImages = { train: { type: 'batch' }, evaluation: { type: 'batch' } } as const;

/** The program of a section with these keys. */
function build(
  settings: Readonly<Record<string, unknown>>,
  more: Pick<Partial<ProgramOptions>, 'starting' | 'distillation' | 'train'> = {},
  definition: NetworkDefinition | null = null,
): TrainingProgram {
  const experiment = experimentOf(settings, definition);
  return buildTrainingProgram({ ...programOptions(experiment, data, null), ...hostImages, ...more });
}

function experimentOf(
  settings: Readonly<Record<string, unknown>>,
  definition: NetworkDefinition | null = null,
): Experiment {
  const experiment = experimentFromSettings('test', 'test', { model: 'tiny', batch_size: 2, ...settings });
  return withDefinition(experiment, definition);
}

async function load(training: TrainingProgram, engine: Engine = createReferenceEngine()): Promise<Program> {
  const { program } = await openSession(engine, training);
  program.write(
    STORAGE.batchImages,
    Float64Array.from({ length: 2 * 8 * 8 * 3 }, (_, i) => Math.sin(i)),
  );
  program.write(STORAGE.batchLabels, [2, 0]);
  return program;
}

/** Everything learned after a step from values that are not zero, by name. */
async function afterStep(settings: Readonly<Record<string, unknown>>): Promise<Map<string, readonly number[]>> {
  const training = build(settings);
  for (const { start } of training.variables.parameters) for (const i of start.keys()) start[i]! += 0.125;
  const program = await load(training);
  program.write(STORAGE.control, [0.5, 0, 0, 0]);
  await program.run('train');
  const tensors = (await copyPlaces(program, learnedPlaces(training)))();
  return new Map(tensors.map(({ name, data }) => [name, Array.from(data, Number)]));
}

describe('extensions of the solver', () => {
  it('are off by default', () => {
    const { plan } = build(quantized);
    const nodes = plan.phases.train!.filter(({ op }) => /Update$|Average$|CrossEntropy/.test(op));
    expect(nodes.map(({ op, attributes }) => [op, attributes])).toEqual([
      ['softmaxCrossEntropy', { smoothing: 0 }],
      ['softmaxCrossEntropyGradient', { smoothing: 0 }],
      ['quantizerUpdate', expect.objectContaining({ weightDecay: 2e-4, learningRateFactor: 1 })],
      ['parameterUpdate', { solver: { type: 'momentum', momentum: 0.9, nesterov: false }, weightDecay: 2e-4 }],
    ]);
  });

  it('label smoothing concerns training alone', () => {
    const { plan } = build({ label_smoothing: 0.1 });
    const smoothing = (phase: string) =>
      plan.phases[phase]!.flatMap(({ op, attributes }) => (op.startsWith('softmax') ? [attributes] : []));
    expect(smoothing('train')).toEqual([{ smoothing: 0.1 }, { smoothing: 0.1 }]);
    expect(smoothing('evaluate')).toEqual([{ smoothing: 0 }]);
  });

  it('decay_exclude leaves out what it names', async () => {
    const settings = { ...quantized, weight_decay: 0.25 };
    const without = await afterStep({ ...settings, weight_decay: 0 });
    const whole = await afterStep(settings);
    for (const [words, excluded] of [
      ['bn', /bn\/(gamma|beta)$/],
      ['bias', /affine\/b$/],
      ['quantizers', /quant\/parametric/],
    ] as const) {
      const some = await afterStep({ ...settings, decay_exclude: words });
      for (const [name, values] of some) {
        expect(values, `${name}, without ${words}`).toEqual((excluded.test(name) ? without : whole).get(name));
      }
      const decays = [...whole.keys()].filter((name) => String(without.get(name)) !== String(whole.get(name)));
      expect(decays.some((name) => excluded.test(name))).toBe(true);
    }
  });

  it('the learning rate of the quantizers has a factor', async () => {
    const [still, moving] = await Promise.all([
      afterStep({ ...quantized, quantizer_learning_rate_factor: 0 }),
      afterStep(quantized),
    ]);
    const { variables } = build(quantized);
    const start = variables.quantizers.flatMap(({ name, kind }, row) =>
      parameterNames(kind).map((p, i) => [`${name}/${kind}/${p}`, [variables.table[2 * row + i]!]] as const),
    );
    expect(start.filter(([name, value]) => still.get(name)![0] === value[0])).toHaveLength(start.length);
    expect(start.filter(([name, value]) => moving.get(name)![0] !== value[0])).toHaveLength(start.length);
    expect(still.get('conv1/quantized_conv/W')).toEqual(moving.get('conv1/quantized_conv/W'));
  });

  it('moving averages are of what there is', () => {
    const definition = network({ input: [8, 8, 3] }, (n, x) => n.linear(n.flatten(x), 3));
    const { plan } = build({ model: 'own', ema_decay: 0.9 }, {}, definition);
    const averaged = plan.phases.train!.flatMap((node) => (node.op === 'movingAverage' ? [node.operands.values] : []));
    expect(averaged.map(({ name }) => name)).toEqual([STORAGE.parameters]);
  });

  it('moving averages are what evaluation sees, with the present quantizers', async () => {
    const training = build({ ...quantized, ema_decay: 0.9 });
    const program = await load(training);
    const logits = async () => {
      await program.run('evaluate');
      return [...(await program.read(STORAGE.logits))];
    };
    const atStart = await logits();
    program.write(STORAGE.control, [0.5, 0, 0, 0]);
    await program.run('train');
    const table = await program.read(STORAGE.quantizers);
    program.write(STORAGE.quantizers, training.variables.table);
    expect(await logits()).toEqual(atStart);
    program.write(STORAGE.quantizers, table);
    expect(await logits()).not.toEqual(atStart);

    const before = [...(await program.read(STORAGE.parameterAverage))];
    program.write(STORAGE.control, [0.5, 0, 0, 0.25]);
    await program.run('train');
    const raw = [...(await program.read(STORAGE.parameters))];
    const mean = before.map((value, i) => value + 0.25 * (raw[i]! - value));
    expect([...(await program.read(STORAGE.parameterAverage))]).toEqual(mean);
    expect(await program.read(STORAGE.runningAverage)).not.toEqual(await program.read(STORAGE.running));
  });
});

describe('a teacher', () => {
  let cpu: Engine;
  beforeAll(async () => {
    cpu = await selectEngine('cpu', { threads: 1 });
  });
  afterAll(() => cpu.dispose());
  const branches = network({ input: [8, 8, 3] }, (n, x) => {
    const sum = n.add(n.conv(x, 4, { stride: 2 }), n.conv(x, 4, { stride: 2, activation: 'none' }));
    return n.linear(n.globalAverage(sum), 3);
  });
  type Teacher = [name: string, settings: Readonly<Record<string, unknown>>, definition: NetworkDefinition | null];
  const teachers: readonly Teacher[] = [
    ['the same network in float', {}, null],
    ['another network in float', { model: './branches.mjs' }, branches],
    [
      'another with learned bits, shared quantizers and a step a channel',
      { ...quantized, model: './branches.mjs', a_quantize_linear: true, w_per_channel: true },
      branches,
    ],
    ['the same network with fixed bits', { w_quantize: 'fp', a_quantize: 'fp_relu', w_bitwidth: 3 }, null],
  ];
  /** A teacher of start values, and the parameters of its file. */
  const teacherOf = async (teacher: Teacher, seed: number) => {
    const [, settings, definition] = teacher;
    const training = build({ ...settings, seed }, {}, definition);
    const program = await load(training);
    const tensors = (await copyParameters(training, program))();
    await program.run('evaluate');
    return {
      weights: weightsOf(new Map(tensors.map((tensor) => [tensor.name, tensor])), 'FILE'),
      logits: await program.read(STORAGE.logits),
    };
  };
  /** A program that learns from the teacher, by default on the reference engine, and what the teacher knows there. */
  const learning = async (teacher: Teacher, weights: LoadedWeights, engine?: Engine) => {
    const [, settings, definition] = teacher;
    const network = quantizedNetwork(experimentOf(settings, definition), data);
    const training = build(quantized, {
      distillation: { temperature: 2, weight: 0.25, teacher: network, scaling: null },
    });
    const write = teach(training, weights);
    const program = await load(training, engine);
    write(program);
    return {
      training,
      program,
      known: async () => (await copyPlaces(program, learnedPlaces({ variables: training.teacher! })))(),
    };
  };

  const softmax = (values: StorageArray, row: number, temperature: number) => {
    const powers = [0, 1, 2].map((k) => Math.exp(values[3 * row + k]! / temperature));
    const total = powers.reduce((sum, power) => sum + power, 0);
    return powers.map((power) => power / total);
  };

  it.each(teachers)('is %s in evaluation, and adds what it says to the loss of training alone', async (...teacher) => {
    const { weights, logits: said } = await teacherOf(teacher, 1);
    const { training, program } = await learning(teacher, weights);
    await program.run('train');
    const [logits, loss] = [await program.read(STORAGE.logits), await program.read(STORAGE.loss)];
    const losses = [2, 0].map((label, row) => {
      const [p, q] = [softmax(said, row, 2), softmax(logits, row, 2)];
      const divergence = p.reduce((sum, own, k) => sum + own * Math.log(own / q[k]!), 0);
      return -0.75 * Math.log(softmax(logits, row, 1)[label]!) + 0.25 * 4 * divergence;
    });
    expect(loss[0]).toBeCloseTo((losses[0]! + losses[1]!) / 2, 12);
    const onCpu = await learning(teacher, weights, cpu);
    await onCpu.program.run('train');
    expect((await onCpu.program.read(STORAGE.loss))[0]).toBeCloseTo(loss[0]!, 5);
    const evaluation = ({ plan }: TrainingProgram) => plan.phases.evaluate!.map(({ op }) => op);
    expect(evaluation(training)).toEqual(evaluation(build(quantized)));
  });

  it.each(teachers)('stays what it is, and is in the checkpoint: %s', async (...teacher) => {
    const { training, program, known } = await learning(teacher, (await teacherOf(teacher, 1)).weights);
    const before = await known();
    program.write(STORAGE.control, [0.5, 0, 0, 0]);
    await program.run('train');
    expect(await known()).toEqual(before);
    const experiment = experimentFromSettings('test', 'test', { model: 'tiny', batch_size: 2 });
    const file = await checkpointFile(training, program, initialState(experiment));
    // Another teacher, until the checkpoint brings the first one back.
    const other = await learning(teacher, (await teacherOf(teacher, 2)).weights);
    expect(await other.known()).not.toEqual(before);
    readCheckpoint({ file, source: 'checkpoint' }, other.training).restore(other.program);
    expect(await other.known()).toEqual(before);
    expect(other.training.teacher!.quantizers).toEqual(training.teacher!.quantizers);
  });

  it('sees the shifted and mirrored images of the batch as its own run normalised them', async () => {
    const scaled = (scale: number, offset: number) => ({
      scale: [scale, scale, scale],
      offset: [offset, offset, offset],
    });
    const resident = { type: 'dataset', values: 'bytes', count: 2, batches: 1 } as const;
    const [own, theirs] = [scaled(1 / 128, -1), scaled(1 / 127.5, -0.5)];
    const loaded = async (training: TrainingProgram) => {
      const program = await load(training);
      program.write(
        STORAGE.trainImages,
        Uint8Array.from({ length: 2 * 8 * 8 * 3 }, (_, i) => (37 * i) % 256),
      );
      program.write(STORAGE.trainLabels, [2, 0]);
      program.write(STORAGE.trainBatches, [1, packAugmentation({ dy: 2, dx: -1, mirror: true }), 0, 0]);
      return program;
    };
    // Without batch normalisation training computes what evaluation does, so that pupil and teacher are the same.
    const plain: Teacher = [
      '',
      { model: './plain.mjs' },
      network({ input: [8, 8, 3] }, (n, x) => n.linear(n.flatten(x), 3)),
    ];
    const [, settings, definition] = plain;
    const { weights } = await teacherOf(plain, 313);
    const trained = async (source: ReturnType<typeof scaled>, scaling: ReturnType<typeof scaled> | null) => {
      const teacher = quantizedNetwork(experimentOf(settings, definition), data);
      const distillation = { temperature: 1, weight: 1, teacher, scaling };
      const training = build(settings, { distillation, train: { ...resident, ...source } }, definition);
      const write = teach(training, weights);
      const program = await loaded(training);
      write(program);
      await program.run('train');
      return { logits: await program.read(STORAGE.logits), loss: (await program.read(STORAGE.loss))[0]! };
    };
    const [ours, others, taught] = [await trained(own, null), await trained(theirs, null), await trained(own, theirs)];
    expect([ours.loss, others.loss]).toEqual([0, 0]);
    expect(taught.logits).toEqual(ours.logits);
    const divergences = [0, 1].map((row) => {
      const [p, q] = [softmax(others.logits, row, 1), softmax(ours.logits, row, 1)];
      return p.reduce((sum, one, k) => sum + one * Math.log(one / q[k]!), 0);
    });
    expect(taught.loss).toBeGreaterThan(1e-4);
    expect(taught.loss).toBeCloseTo((divergences[0]! + divergences[1]!) / 2, 12);
  });

  it('of another network than its file, or than the checkpoint, is refused', async () => {
    const [float, another] = teachers;
    const { weights } = await teacherOf(float!, 1);
    await expect(learning(another!, weights)).rejects.toThrow('FILE: has no ');
    const { training, program } = await learning(float!, weights);
    const experiment = experimentFromSettings('test', 'test', { model: 'tiny', batch_size: 2 });
    const file = await checkpointFile(training, program, initialState(experiment));
    const other = await learning(another!, (await teacherOf(another!, 1)).weights);
    const read = (now: TrainingProgram) => () => readCheckpoint({ file, source: 'checkpoint' }, now);
    expect(read(other.training)).toThrow('checkpoint: is of a run with other settings: distillation.teacher.model');
    expect(read(build(quantized))).toThrow('has teacher:');
  });
});

describe('where quantizers without a file start', () => {
  const starts = (settings: Readonly<Record<string, unknown>>) => {
    const { variables } = build({ ...quantized, ...settings });
    return variables.quantizers.flatMap((quantizer, row) => {
      if (quantizer.role === 'activation') return [];
      // A bias follows the weights of its layer.
      const tensor = quantizer.name.replace(/quant$/, '').replace(/\/b$/, '/W');
      const table = [variables.table[2 * row], variables.table[2 * row + 1]];
      return [{ quantizer, table, values: variables.find(tensor)!.start }];
    });
  };

  it('weights: at the configured step, or at 1/8 as published', () => {
    for (const [w_stepsize, step] of [
      [0.25, 0.25],
      ['published', 0.125],
    ] as const) {
      for (const { quantizer, table } of starts({ w_stepsize })) {
        expect(table).toEqual(startWithStep(quantizer, step).parameters);
      }
    }
  });

  it('weights: at the step that suits their random values best, unless one is configured', () => {
    const all = starts({ model: 'resnet20' });
    for (const { quantizer, table, values } of all) {
      expect(table).toEqual(bestStart(quantizer, values).parameters);
    }
    expect(new Set(all.map(({ table }) => table[0])).size).toBeGreaterThan(1);
  });
});

describe('a step for each channel', () => {
  const perChannel = { ...quantized, w_per_channel: true };
  const exponents = (values: ReadonlyMap<string, readonly number[]>) =>
    [...values].filter(([name]) => name.endsWith('/exponents'));
  /** A file with the first convolution alone, in OIHW: channel o is 2^-(o mod 5) wide. */
  const values = Float64Array.from({ length: 8 * 27 }, (_, i) => Math.sin(i + 1) / 2 ** (Math.floor(i / 27) % 5));
  const file: StartingWeights = {
    source: 'file',
    get: (name) => (name === 'conv1/quantized_conv/W' ? { shape: [8, 3, 3, 3], values } : undefined),
  };
  const starts = (settings: Readonly<Record<string, unknown>>, starting: StartingWeights | null = null) => {
    const { variables } = build(settings, { starting });
    return new Map(variables.parameters.map(({ name, start }) => [name, [...start]]));
  };

  it('is of the weights alone, and changes neither rows nor sizes nor what weights start from', () => {
    const [plain, own] = [build(quantized), build(perChannel)];
    expect(plain.plan.phases.train!.filter(({ op }) => op.startsWith('quantizeChannels'))).toEqual([]);
    expect(own.variables.quantizers).toEqual(plain.variables.quantizers);
    expect(own.variables.table).toEqual(plain.variables.table);
    expect(own.variables.unquantized).toEqual(plain.variables.unquantized);
    const names = exponents(starts(perChannel)).map(([name]) => name);
    const weights = own.variables.quantizers.filter(({ role }) => role === 'weight');
    expect(names).toEqual(weights.map(({ name, kind }) => `${name}/${kind}/exponents`));
    const [a, b] = [starts(quantized), starts(perChannel)];
    for (const [name, values] of a) expect(b.get(name)).toEqual(values);
  });

  it('starts at that of the tensor, or where the weights of the channel put it', () => {
    const unknown = { ...perChannel, w_stepsize: 'published' };
    for (const [, values] of exponents(starts(unknown))) expect(new Set(values)).toEqual(new Set([0]));
    const { variables } = build(perChannel);
    const known = starts({ ...perChannel, w_bitwidth: 8 });
    for (const [name, values] of exponents(known)) {
      const quantizer = variables.quantizers.find((each) => name.startsWith(`${each.name}/`))!;
      const weights = known.get(quantizer.name.replace(/quant$/, ''))!;
      expect(values).toEqual([...bestExponents({ ...quantizer, bitwidth: 8 }, weights, values.length)]);
    }
    const [, ofFile] = exponents(starts(unknown, file))[0]!;
    expect(ofFile).toEqual(Array.from({ length: 8 }, (_, channel) => 0 - (channel % 5)));
  });

  it('learns, does not decay, and has the quantizers’ learning rate', async () => {
    const perChannel = { w_quantize: 'parametric_fp_d_xmax', w_per_channel: true };
    const begun = exponents(starts(perChannel)).map(([name, values]) => [name, values.map((k) => k + 0.125)] as const);
    const moved = exponents(await afterStep(perChannel));
    const hasMoved = ([, values]: (typeof moved)[number], i: number) => values.some((k, c) => k !== begun[i]![1][c]);
    expect(moved.filter(hasMoved)).toHaveLength(begun.length);
    expect(exponents(await afterStep({ ...perChannel, weight_decay: 0.25 }))).toEqual(moved);
    const still = exponents(await afterStep({ ...perChannel, quantizer_learning_rate_factor: 0, weight_decay: 0.25 }));
    expect(still).toEqual(begun);
    const half = exponents(await afterStep({ ...perChannel, quantizer_learning_rate_factor: 0.5 }));
    half.forEach(([, values], i) => {
      values.forEach((k, c) => {
        const start = begun[i]![1][c]!;
        expect(k - start).toBeCloseTo((moved[i]![1][c]! - start) / 2, 12);
      });
    });
  });

  it('has that learning rate beside other parameters that do not decay, which keep theirs', async () => {
    const settings = { ...perChannel, decay_exclude: 'bn bias' };
    const [all, still] = [
      await afterStep(settings),
      await afterStep({ ...settings, quantizer_learning_rate_factor: 0 }),
    ];
    for (const [name, start] of starts(settings)) {
      const expected = name.endsWith('/exponents') ? start.map((k) => k + 0.125) : all.get(name);
      expect(still.get(name), name).toEqual(expected);
    }
    expect(exponents(all)).not.toEqual(exponents(still));
  });

  it('stays with fixed quantizers', async () => {
    const fixed = exponents(
      await afterStep({ ...perChannel, w_quantize: 'fp', w_stepsize: 0.125, weight_decay: 0.25, optimizer: 'adam' }),
    );
    expect(fixed.every(([, values]) => values.every((k) => k === 0.125))).toBe(true);
  });

  it('is that of the tensor while all exponents are 0', async () => {
    const logits = async (settings: Readonly<Record<string, unknown>>, starting: StartingWeights | null = null) => {
      const program = await load(build(settings, { starting }));
      await program.run('evaluate');
      return [...(await program.read(STORAGE.logits))];
    };
    const unknown = { w_stepsize: 0.125 };
    expect(await logits({ ...perChannel, ...unknown })).toEqual(await logits({ ...quantized, ...unknown }));
    expect(await logits(perChannel, file)).not.toEqual(await logits(quantized, file));
  });
});

describe('rules for single layers', () => {
  const resnet = { ...quantized, model: 'resnet20' };
  const rules = 'conv1*: w_quantize = none, a_quantize = none; fc/*: w_bitwidth = 8; res1/layer1: a_quantize = fp_relu';

  it('set the quantizers, and what has none counts 32 bits', () => {
    const { variables } = build({ ...resnet, layers: rules });
    const plain = build(resnet).variables;
    expect(variables.tensors.map(({ name }) => name)).toEqual(plain.tensors.map(({ name }) => name));
    expect(variables.tensors.filter(({ row }) => row === null).map(({ name }) => name)).toEqual([
      'conv1/quantized_conv/W',
      'conv1',
    ]);
    const of = (name: string) => variables.quantizers[variables.tensors.find((each) => each.name === name)!.row!]!;
    expect(of('fc/quantized_affine/b')).toMatchObject({ role: 'bias', bitwidth: 8 });
    expect(of('res1/layer1')).toMatchObject({ kind: 'fp', fixed: [4, 0.125] });
    expect(of('res1/layer1/basicblock1')).toMatchObject({ kind: 'parametric_fp_d_xmax', bitwidth: 4 });

    const sizes = tableSizes(variables.quantizers, variables.table, variables.unquantized);
    const plainSizes = tableSizes(plain.quantizers, plain.table, plain.unquantized);
    const [ofConv1, ofFc] = [3 * 3 * 3 * 16, 64 * 3 + 3];
    expect(sizes.weightKbytes - plainSizes.weightKbytes).toBeCloseTo((ofConv1 * 28 + ofFc * 4) / 8192, 12);
    expect(sizes.activationMaxKbytes).toBe((8 * 8 * 16 * 32) / 8192);
    expect(plainSizes.activationMaxKbytes).toBe((8 * 8 * 16 * 4) / 8192);
  });

  it('are computed with', async () => {
    const training = build({ ...resnet, layers: rules });
    const program = await load(training);
    program.write(STORAGE.control, [0.5, 0, 0, 0]);
    await program.run('train');
    expect(Number.isFinite((await program.read(STORAGE.loss))[0])).toBe(true);
    const { data } = (await copyPlaces(program, learnedPlaces(training)))()[0]!;
    expect(data).not.toEqual(training.variables.parameters[0]!.start);
  });
});
