/**
 * Ten steps of the whole training plan on an engine, in Node and in a browser alike: the tiny network with learned bitwidths
 * and budgets, on so few and small images that software adapters can do it too.
 */

import { trainingEpoch } from '../src/data/batches.js';
import { emptyImageSet, type ImageSet } from '../src/data/imageSet.js';
import { createRandom } from '../src/data/random.js';
import type { Engine } from '../src/engine/engine.js';
import { type QuantizerSettings, STORAGE } from '../src/nn/index.js';
import { CONTROL, CONTROL_LENGTH, PENALTIES } from '../src/ops/attributes.js';
import { openSession } from '../src/program/session.js';
import { buildTrainingProgram, type ProgramOptions } from '../src/program/trainingProgram.js';
import { wideLimitsOfM } from '../src/quant/index.js';

const steps = 10;
const batchSize = 4;
const side = 8;
const classes = 4;

/** @returns the loss of each step, the penalties of the budgets included, before the step's update. */
export async function trainTenSteps(engine: Engine): Promise<number[]> {
  const images = randomImages();
  const session = await openSession(engine, buildTrainingProgram(options));
  const { program } = session;
  session.setTrainingImages(images);
  session.setBatches(trainingEpoch(images.count, batchSize, createRandom(2), { shift: 1, mirror: true }));
  const { lambdaWeight, lambdaActivation } = options.budget;
  const control = new Float64Array(CONTROL_LENGTH);
  control[CONTROL.learningRate] = 0.005;
  control[CONTROL.lambdaWeight] = lambdaWeight;
  control[CONTROL.lambdaActivation] = lambdaActivation;
  program.write(STORAGE.control, control);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    program.write(STORAGE.position, [step]);
    await program.run('train');
    const [loss] = await program.read(STORAGE.loss, 0, 1);
    const penalties = await program.read(STORAGE.penalties);
    losses.push(loss! + lambdaWeight * penalties[PENALTIES.loss2]! + lambdaActivation * penalties[PENALTIES.loss3]!);
  }
  await program.dispose();
  return losses;
}

const range = { min: 2 ** -8, max: 8 };

function quantizer(bitwidth: number): QuantizerSettings {
  const bounds = { n: { min: 2, max: 16 }, m: wideLimitsOfM, d: range, xmin: range, xmax: { ...range, max: 64 } };
  const kind = 'parametric_fp_d_xmax';
  return {
    kind,
    bitwidth,
    stepSize: 2 ** -3,
    bounds: { bounds, accountingXmin: range },
    recomputeRange: false,
    perChannel: false,
  };
}

const options: ProgramOptions = {
  model: { model: 'tiny', classes, shortcutType: '', scaleLayer: false, widthMultiplier: 1 },
  batchSize,
  imageShape: [side, side, 3],
  weights: quantizer(4),
  activations: quantizer(6),
  budget: {
    weightKbytes: 100,
    activationKbytes: 0.5,
    activationType: 'max',
    lambdaWeight: 0.001,
    lambdaActivation: 0.001,
  },
  solver: { type: 'momentum', momentum: 0.9 },
  weightDecay: 2e-4,
  seed: 1,
  starting: null,
  train: {
    type: 'dataset',
    count: steps * batchSize,
    batches: steps,
    scale: [1 / 128, 1 / 128, 1 / 128],
    offset: [-1, -1, -1],
  },
  evaluation: { type: 'batch' },
};

/** Noise, brighter where the class is higher. */
function randomImages(): ImageSet {
  const set = emptyImageSet(steps * batchSize, side, side, 3);
  const random = createRandom(1);
  const pixels = side * side * 3;
  for (let image = 0; image < set.count; image++) {
    const label = image % classes;
    set.labels[image] = label;
    for (let pixel = 0; pixel < pixels; pixel++) set.images[image * pixels + pixel] = random.below(64) + 64 * label;
  }
  return set;
}
