/**
 * One training step of a small MobileNetV2 on every engine: the loss, all gradients and moments, and what the update
 * leaves agree with the float64 reference.
 *
 * The quantized network agrees better than the float one, since rounding to a grid of powers of two makes most of what
 * follows exact; the float one amplifies rounding errors through 52 batch normalisations of eight values a channel.
 *
 * SwiftShader compiles the 320 pipelines of a GPU's step for ten seconds: the GPU takes two inverted residuals outside of
 * the thorough tests, which have the float network and one with a step for each channel on the CPU, too.
 */

import { describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../src/engine/cpu/index.js';
import type { Engine } from '../../src/engine/engine.js';
import { createGpuEngine } from '../../src/engine/gpu/index.js';
import { createReferenceEngine } from '../../src/engine/reference/index.js';
import { elementCount } from '../../src/graph/index.js';
import { type Define, network, STORAGE, type Value } from '../../src/nn/index.js';
import { openSession } from '../../src/program/session.js';
import { buildTrainingProgram, type TrainingProgram } from '../../src/program/trainingProgram.js';
import { experimentFromSettings, withDefinition } from '../../src/settings/index.js';
import { programOptions } from '../../src/train/programOptions.js';
import { mulberry32 } from '../mulberry32.js';
import { skipsGpu } from '../softwareGpu.js';
import { isThorough } from '../tier.js';

const [batch, side, classes] = [8, 32, 10];

const gpu = () => createGpuEngine({ allowSoftware: true });
const cpu = () => createCpuEngine({ threads: 2 });

interface Network {
  readonly settings: Readonly<Record<string, unknown>>;
  /** Norm of the error of each tensor, relative to the tensor's own norm. */
  readonly tolerance: number;
}

const networks: Readonly<Record<'float' | 'quantized' | 'perChannel', Network>> = {
  float: { settings: {}, tolerance: 5e-4 },
  quantized: {
    settings: {
      w_quantize: 'parametric_fp_d_xmax',
      a_quantize: 'parametric_fp_d_xmax_relu',
      a_bitwidth: 6,
    },
    tolerance: 2e-5,
  },
  perChannel: {
    settings: {
      w_quantize: 'parametric_fp_d_xmax',
      w_per_channel: true,
      a_quantize: 'parametric_fp_d_xmax_relu',
      a_bitwidth: 6,
    },
    tolerance: 2e-5,
  },
};

/** A stem, an inverted residual that is added to what it began with, one of stride 2, and a classifier. */
const twoBlocks: Define = (n, x) => {
  const pointwise = { size: 1, activation: 'relu6' } as const;
  const inverted = (value: Value, channels: number, stride: number) => {
    const deep = n.depthwise(n.conv(value, 48, pointwise), { stride, activation: 'relu6' });
    return n.conv(deep, channels, { size: 1, activation: 'none' });
  };
  const stem = n.conv(x, 8, { stride: 2, activation: 'relu6' });
  const sum = n.add(inverted(stem, 8, 1), stem, { activation: 'none' });
  return n.linear(n.globalAverage(n.conv(inverted(sum, 16, 2), 64, pointwise)), classes);
};

function program(settings: Readonly<Record<string, unknown>>, define: Define | null): TrainingProgram {
  const own = define && network({ input: [side, side, 3] }, define);
  const model = own ? { model: 'own' } : { model: 'mobilenetv2', width_multiplier: 0.25 };
  const all = { ...settings, ...model, batch_size: batch };
  const experiment = withDefinition(experimentFromSettings('step', 'test', all), own);
  const data = { classes, imageShape: [side, side, 3] as const, trainImages: batch, evaluationImages: batch };
  const options = programOptions(experiment, data, null);
  return buildTrainingProgram({ ...options, train: { type: 'batch' }, evaluation: { type: 'batch' } });
}

async function afterStep(engine: Engine, training: TrainingProgram): Promise<ReadonlyMap<string, readonly number[]>> {
  const session = await openSession(engine, training);
  const random = mulberry32(3);
  session.program.write(
    STORAGE.batchImages,
    Float32Array.from({ length: batch * side * side * 3 }, () => 2 * random() - 1),
  );
  session.program.write(
    STORAGE.batchLabels,
    Int32Array.from({ length: batch }, (_, i) => i % classes),
  );
  session.program.write(STORAGE.control, [0.01, 0, 0, 0]);
  await session.program.run('train');
  const names = ['loss', 'logits', 'gradients', 'statistics', 'running', 'quantizerSums', 'parameters'] as const;
  const states = new Map<string, readonly number[]>();
  for (const name of names) states.set(name, [...(await session.program.read(STORAGE[name]))]);
  await engine.dispose();
  return states;
}

/**
 * Tensors that vanish but for rounding, in float64 too: the gradient of a bias whose channels go on into a convolution and
 * a batch normalisation, which takes every shift away, and the means of what comes out of one. All others have norms
 * above 1e-4.
 */
const zero = 1e-9;
/** The error that rounding in float32 leaves in such sums of numbers around 1. */
const rounding = 1e-5;

function norm(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}

/** Storages of many tensors one by one: small ones would vanish beside large ones. */
function parts({ variables }: TrainingProgram, storage: string, length: number) {
  const own = [...variables.parameters, ...variables.running].filter(({ view }) => view.storage.name === storage);
  const tensors = storage === STORAGE.gradients ? variables.parameters : own;
  if (tensors.length === 0) return [{ what: '', from: 0, to: length }];
  return tensors.map(({ name, shape, view: { offset } }) => ({
    ...{ what: name, from: offset, to: offset + elementCount(shape) },
  }));
}

async function expectAgreement(
  engine: Engine,
  { settings, tolerance }: Network,
  define: Define | null = null,
): Promise<void> {
  const training = program(settings, define);
  const expected = await afterStep(createReferenceEngine(), training);
  const actual = await afterStep(engine, training);
  expect(norm(expected.get('gradients')!)).toBeGreaterThan(1);
  for (const [name, values] of expected) {
    for (const { what, from, to } of parts(training, name, values.length)) {
      const own = values.slice(from, to);
      const difference = norm(own.map((value, i) => value - actual.get(name)![from + i]!));
      const bound = norm(own) > zero ? tolerance * norm(own) : rounding;
      expect(difference, `${name} ${what}`).toBeLessThanOrEqual(bound);
    }
  }
}

describe('a step of a small MobileNetV2', () => {
  it('quantized on the CPU', async () => expectAgreement(await cpu(), networks.quantized));
  it.runIf(isThorough)('in float on the CPU', async () => expectAgreement(await cpu(), networks.float));
  it.runIf(isThorough)('with a step for each channel on the CPU', async () => {
    await expectAgreement(await cpu(), networks.perChannel);
  });
  it.runIf(!skipsGpu && isThorough)('quantized on the GPU', async () => {
    await expectAgreement(await gpu(), networks.quantized);
  });
});

it.skipIf(skipsGpu)('a step of two of its blocks, quantized, on the GPU', async () => {
  await expectAgreement(await gpu(), networks.quantized, twoBlocks);
});
