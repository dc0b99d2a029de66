/** From an experiment and its data to what the training program is built from. */

import type { Dataset } from '../data/imageSet.js';
import { type Images, isStream } from '../data/imageStream.js';
import { InputError } from '../errors.js';
import { type ModelOptions, type QuantizerSettings, quantizableTensors, type StartingWeights } from '../nn/index.js';
import type { Solver } from '../ops/attributes.js';
import type { ImageSource, ProgramOptions } from '../program/trainingProgram.js';
import type { Budget } from '../quant/index.js';
import {
  type Experiment,
  type QuantizerSettings as ExperimentQuantizer,
  guaranteesBudget,
  isModelFile,
  quantizerBounds,
  type ResolvedLayer,
  resolveLayers,
} from '../settings/index.js';

/** The sizes of a dataset that a program is built for. */
export interface DataShape {
  readonly classes: number;
  readonly imageShape: readonly [height: number, width: number, channels: number];
  readonly trainImages: number;
  readonly evaluationImages: number;
  /** Images of a second evaluation set, behind the first: the test set where another one chooses the parameters. */
  readonly testImages?: number;
  /** True where images are decoded batch by batch instead of lying on the device. */
  readonly isStreamed?: boolean;
}

export function dataShape(
  dataset: Pick<Dataset<Images>, 'classes' | 'train'>,
  evaluationImages: number,
  testImages = 0,
): DataShape {
  const { train } = dataset;
  return {
    classes: dataset.classes.length,
    imageShape: [train.height, train.width, train.channels],
    trainImages: train.count,
    evaluationImages,
    testImages,
    isStreamed: isStream(train),
  };
}

export function programOptions(
  experiment: Experiment,
  data: DataShape,
  starting: StartingWeights | null,
): ProgramOptions {
  const { training } = experiment;
  const { batchSize } = training;
  const { trainImages, evaluationImages, testImages = 0 } = data;
  const evaluationBatches = Math.ceil(evaluationImages / batchSize) + Math.ceil(testImages / batchSize);
  return {
    model: modelOptions(experiment, data),
    batchSize,
    imageShape: data.imageShape,
    weights: quantizerSettings(experiment.weights),
    activations: quantizerSettings(experiment.activations),
    linear: experiment.linear && quantizerSettings(experiment.linear),
    input: experiment.input && quantizerSettings(experiment.input),
    exceptions: exceptionsOf(experiment, data),
    budget: budgetOf(experiment),
    solver: solverOf(training),
    weightDecay: training.weightDecay,
    decayExclude: training.decayExclude,
    quantizerLearningRateFactor: training.quantizerLearningRateFactor,
    labelSmoothing: training.labelSmoothing,
    movingAverages: training.emaDecay > 0,
    capsBits: guaranteesBudget(experiment.budget),
    seed: training.seed,
    starting,
    // Evaluation needs not a single batch of training images, but no engine likes an empty table.
    train: source(experiment, data, trainImages, Math.max(1, Math.floor(trainImages / batchSize))),
    evaluation: source(experiment, data, evaluationImages + testImages, evaluationBatches),
  };
}

/** Every tensor that can be quantized, with the settings that hold for it. Throws what `resolveLayers` throws. */
export function resolvedLayers(
  experiment: Experiment,
  data: Pick<DataShape, 'classes' | 'imageShape'>,
): ResolvedLayer[] {
  return resolveLayers(experiment, quantizableTensors(modelOptions(experiment, data), data.imageShape));
}

function exceptionsOf(experiment: Experiment, data: DataShape): Readonly<Record<string, QuantizerSettings>> {
  if (experiment.layers.length === 0) return {};
  const exceptions = resolvedLayers(experiment, data).filter(({ patterns }) => patterns.length > 0);
  return Object.fromEntries(exceptions.map(({ tensor, quantizer }) => [tensor, quantizerSettings(quantizer)]));
}

/** @throws InputError for a network of one's own that is made for other images or classes */
function modelOptions(
  { network, sources }: Experiment,
  { classes, imageShape }: Pick<DataShape, 'classes' | 'imageShape'>,
): ModelOptions {
  const { definition, model } = network;
  if (!definition && (model === 'own' || isModelFile(model))) {
    throw new InputError(`${sources.get('model')?.where ?? 'model'} = ${model}: no network was read of it`);
  }
  if (definition && (definition.input.join() !== imageShape.join() || definition.outputs !== classes)) {
    const [own, given] = [definition.input, imageShape].map((shape) => shape.join('x'));
    throw new InputError(
      `${sources.get('model')?.where ?? 'network'}: the network takes images of ${own} and has ${definition.outputs} outputs; ` +
        `the data has images of ${given} and ${classes} classes`,
    );
  }
  return { ...network, classes };
}

function quantizerSettings(settings: ExperimentQuantizer): QuantizerSettings {
  return {
    kind: settings.kind,
    bitwidth: settings.bitwidth,
    stepSize: settings.stepSize,
    bounds: quantizerBounds(settings),
    recomputeRange: settings.recomputeRange,
    perChannel: settings.perChannel,
  };
}

function budgetOf({ budget }: Experiment): Budget {
  return {
    weightKbytes: budget.targetWeightKbytes,
    activationKbytes: budget.targetActivationKbytes,
    activationType: budget.targetActivationType,
    lambdaWeight: budget.lambda2,
    lambdaActivation: budget.lambda3,
  };
}

/** β and ε of Adam as published. */
function solverOf(training: Experiment['training']): Solver {
  const { momentum, nesterov } = training;
  if (training.optimizer === 'momentum') return { type: 'momentum', momentum, nesterov };
  return { type: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
}

/**
 * Bytes b become b·scale + offset, channel by channel, which is (b/255 − mean)/std.
 * @throws InputError for as many means or deviations as there are no channels
 */
export function normalisation(
  { data: { mean, std }, sources }: Experiment,
  channels: number,
): { readonly scale: readonly number[]; readonly offset: readonly number[] } {
  for (const [key, values] of Object.entries({ mean, std })) {
    if (values.length === 1 || values.length === channels) continue;
    const numbers = `${values.length} numbers for images of ${channels} channels`;
    throw new InputError(
      `${sources.get(key)?.where ?? key} = ${values}: ${numbers}; give one for all, or one a channel`,
    );
  }
  const all = Array.from({ length: channels }, (_, channel) => channel);
  const of = (values: readonly number[], channel: number) => values[channel % values.length]!;
  return {
    scale: all.map((channel) => 1 / (255 * of(std, channel))),
    offset: all.map((channel) => -of(mean, channel) / of(std, channel)),
  };
}

function source(experiment: Experiment, data: DataShape, count: number, batches: number): ImageSource {
  const pixels = normalisation(experiment, data.imageShape[2]);
  return data.isStreamed ? { type: 'stream', count, ...pixels } : { type: 'dataset', count, batches, ...pixels };
}
