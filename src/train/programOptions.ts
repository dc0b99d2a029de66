/** Options of the training program from an experiment and its data. */

import type { Moments } from '../data/features.js';
import type { Dataset, InputType } from '../data/imageSet.js';
import { type Images, isStream } from '../data/imageStream.js';
import { InputError } from '../errors.js';
import {
  type ModelOptions,
  modelDefinition,
  type NetworkDefinition,
  type QuantizerSettings,
  quantizableTensors,
  type StartingWeights,
  withOutputs,
} from '../nn/index.js';
import type { Solver } from '../ops/attributes.js';
import type { ImageSource, ProgramOptions, QuantizedNetwork } from '../program/trainingProgram.js';
import type { Budget } from '../quant/index.js';
import {
  type Experiment,
  type QuantizerSettings as ExperimentQuantizer,
  guaranteesBudget,
  isModelFile,
  isOnnxFile,
  pixelNumbers,
  quantizerBounds,
  type ResolvedLayer,
  resolveLayers,
  whereSet,
} from '../settings/index.js';
import type { Task } from '../task.js';
import type { DataDescription, InputScaling } from './dataDescription.js';

/** The sizes of a dataset that a program is built for. */
export interface DataShape {
  readonly classes: number;
  /** Shape of the targets of one input; absent for a class an input. */
  readonly targetShape?: readonly number[] | undefined;
  readonly imageShape: readonly [height: number, width: number, channels: number];
  readonly trainImages: number;
  readonly evaluationImages: number;
  /** Images of a second evaluation set behind the first: the test set, if another one selects the parameters. */
  readonly testImages?: number;
  /** True if images are decoded batch by batch instead of being resident on the device. */
  readonly isStreamed?: boolean;
  /** The scaling of inputs from a description of data; absent for bytes, normalised as the experiment says. */
  readonly scaling?: InputScaling | undefined;
}

/** The sizes of a dataset, with the scaling of its inputs; undefined for bytes, normalised as the experiment says. */
export function dataShape(
  dataset: Pick<Dataset<Images>, 'classes' | 'train'>,
  scaling: InputScaling | undefined,
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
    targetShape: isStream(train) ? undefined : train.targets?.shape,
    scaling,
  };
}

/** The sizes in a description of data, for evaluating `evaluationImages` images of that kind. */
export function describedShape(data: DataDescription, evaluationImages = 1): DataShape {
  const { classes, image: imageShape, targets: targetShape } = data;
  return { classes: classes.length, imageShape, targetShape, trainImages: 1, evaluationImages, scaling: data };
}

/** The network of an experiment with its quantizers. */
export function quantizedNetwork(experiment: Experiment, data: NetworkShape): QuantizedNetwork {
  return {
    model: modelOptions(experiment, data),
    imageShape: data.imageShape,
    weights: quantizerSettings(experiment.weights),
    activations: quantizerSettings(experiment.activations),
    linear: experiment.linear && quantizerSettings(experiment.linear),
    input: experiment.input && quantizerSettings(experiment.input),
    exceptions: exceptionsOf(experiment, data),
  };
}

export function programOptions(
  experiment: Experiment,
  data: DataShape,
  starting: StartingWeights | null,
): ProgramOptions {
  const { training } = experiment;
  const { shards, shardPrecision } = training;
  const batchSize = training.batchSize / shards;
  const { trainImages, evaluationImages, testImages = 0 } = data;
  const evaluationBatches = Math.ceil(evaluationImages / batchSize) + Math.ceil(testImages / batchSize);
  return {
    ...quantizedNetwork(experiment, data),
    batchSize,
    shards,
    shardPrecision,
    task: experiment.task,
    targetShape: data.targetShape,
    budget: budgetOf(experiment),
    costs: experiment.budget.costs,
    solver: solverOf(training),
    weightDecay: training.weightDecay,
    decayExclude: training.decayExclude,
    quantizerLearningRateFactor: training.quantizerLearningRateFactor,
    labelSmoothing: training.labelSmoothing,
    momentBatches: training.bnReestimate,
    movingAverages: training.emaDecay > 0,
    damps: training.dampOscillations > 0,
    gradientBatches: guaranteesBudget(experiment.budget) ? experiment.budget.measure : 0,
    capsBits: guaranteesBudget(experiment.budget),
    prunesChannels: experiment.budget.prunes,
    seed: training.seed,
    starting,
    // An evaluation needs no training images, but engines cannot have an empty table.
    train: source(experiment, data, trainImages, Math.max(1, Math.floor(trainImages / training.batchSize)) * shards),
    evaluation: source(experiment, data, evaluationImages + testImages, evaluationBatches),
  };
}

/** Every tensor that can be quantized, and its settings. Throws what `resolveLayers` throws. */
export function resolvedLayers(experiment: Experiment, data: NetworkShape): ResolvedLayer[] {
  return resolveLayers(experiment, quantizableTensors(modelOptions(experiment, data), data.imageShape));
}

/** The network of an experiment for the images and classes of its data. */
export function networkOf(experiment: Experiment, data: NetworkShape): NetworkDefinition {
  return modelDefinition(modelOptions(experiment, data), data.imageShape);
}

function exceptionsOf(experiment: Experiment, data: NetworkShape): Readonly<Record<string, QuantizerSettings>> {
  if (experiment.layers.length === 0) return {};
  const exceptions = resolvedLayers(experiment, data).filter(({ patterns }) => patterns.length > 0);
  return Object.fromEntries(exceptions.map(({ tensor, quantizer }) => [tensor, quantizerSettings(quantizer)]));
}

/** The sizes that a network depends on. */
export type NetworkShape = Pick<DataShape, 'classes' | 'imageShape' | 'targetShape'>;

/**
 * The model of an experiment. The network of an ONNX file with other classes gets a new last layer.
 *
 * @throws InputError for a network definition that is made for other images, or whose outputs do not fit the loss
 */
function modelOptions(experiment: Experiment, data: NetworkShape): ModelOptions {
  const { network, sources, task } = experiment;
  const { imageShape } = data;
  const { definition, model } = network;
  const where = model === 'own' ? 'network' : whereSet(experiment, 'model');
  if (!definition && (model === 'own' || isModelFile(model))) {
    throw new InputError(`${whereSet(experiment, 'model')} = ${model}: no network was read of it`);
  }
  const wanted = wantedOutputs(task, data);
  if (!definition) {
    const [height, width] = imageShape;
    if (height * width === 1 && !sources.has('model') && !sources.has('num_layers')) {
      throw new InputError('model: the usual one is for images; set mlp or dense_autoencoder');
    }
    const features = wanted.find((shape) => shape.length === 1);
    if (features) return { ...network, classes: features[0]! };
    throw new InputError(
      `${where} = ${model}: puts out features, loss = ${task.loss} wants ${wanted[0]!.join('x')} of these data: ` +
        "give a network of one's own whose output is an image",
    );
  }
  const outputs = [definition.outputs].flat().join('x');
  const isRight = wanted.some((shape) => shape.join('x') === outputs);
  const [height, width, channels] = definition.input;
  const [own, first, given] = [definition.input, [channels, height, width], imageShape].map((s) => s.join('x'));
  const hasInput = own === given;
  if (!hasInput || !isRight) {
    const other = hasInput && withClasses(experiment, data.classes);
    if (other) return { ...network, definition: other, classes: data.classes };
    const right = task.loss === 'classes' ? `${data.classes} classes` : wanted.map((s) => s.join('x')).join(' or ');
    throw new InputError(
      `${where}: the network takes images of ${own} and has ${outputs} outputs; the data has images of ${given} and ` +
        (task.loss === 'classes' ? right : `loss = ${task.loss} wants ${right}`) +
        (!hasInput && given === first ? '; arrays are [N, H, W, C]' : ''),
    );
  }
  return { ...network, classes: data.classes };
}

/** The network of an ONNX file with a last layer for other classes; null for other networks or without such a layer. */
export function withClasses({ network, task }: Experiment, classes: number): NetworkDefinition | null {
  const { definition, model } = network;
  return definition && isOnnxFile(model) && task.loss === 'classes' ? withOutputs(definition, classes) : null;
}

/** Shapes that the outputs of one input may have. */
function wantedOutputs({ loss, target }: Task, { classes, imageShape, targetShape }: NetworkShape) {
  const targets = () => {
    if (targetShape) return targetShape;
    throw new InputError(`loss = ${loss}: the data have no targets of that kind`);
  };
  switch (loss) {
    case 'classes':
    case 'labels':
      return [[classes]];
    case 'values':
      return target === 'data' ? [targets()] : [[imageShape.reduce((a, b) => a * b)], imageShape];
    case 'pixels':
      return [[...targets(), classes]];
    default:
      throw new Error(`there are no outputs for a loss of ${loss satisfies never}`);
  }
}

function quantizerSettings(settings: ExperimentQuantizer): QuantizerSettings {
  return {
    kind: settings.kind,
    bitwidth: settings.bitwidth,
    stepSize: settings.stepSize,
    bounds: quantizerBounds(settings),
    recomputeRange: settings.recomputeRange,
    perChannel: settings.perChannel,
    shared: settings.shared,
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

/** The solver; β and ε of Adam as published. */
function solverOf(training: Experiment['training']): Solver {
  const { momentum, nesterov } = training;
  if (training.optimizer === 'momentum') return { type: 'momentum', momentum, nesterov };
  return { type: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
}

/**
 * The scaling of inputs: bytes b as (b/255 − mean)/std, floats v as (v − mean)/std for each channel. Floats without
 * given numbers are scaled by the `moments` of the training inputs, or enter as they are.
 *
 * @throws InputError for a wrong number of means or deviations, and for numbers that do not suit the type
 */
export function normalisation(
  experiment: Experiment,
  channels: number,
  values: InputType,
  moments?: Moments,
): InputScaling {
  const unit = values === 'bytes' ? 255 : 1;
  const numbers: Moments = values === 'bytes' ? pixelNumbers(experiment.settings) : floatNumbers(experiment, moments);
  for (const key of ['mean', 'std'] as const) {
    const given = numbers[key];
    const where = `${whereSet(experiment, key)} = ${given}`;
    if (given.length !== 1 && given.length !== channels) {
      throw new InputError(
        `${where}: ${given.length} numbers for images of ${channels} channels; give one for all, or one a channel`,
      );
    }
    // normalise = unit divides by 256.
    if (values === 'bytes' && given.some((value) => value < 0 || value > 256 / 255)) {
      throw new InputError(`${where}: bytes are divided by 255 first, so this is a number from 0 to 1`);
    }
  }
  const { mean, std } = numbers;
  const all = Array.from({ length: channels }, (_, channel) => channel);
  const of = (given: readonly number[], channel: number) => given[channel % given.length]!;
  return {
    values,
    scale: all.map((channel) => 1 / (unit * of(std, channel))),
    // Avoids −0, which JSON does not keep.
    offset: all.map((channel) => 0 - of(mean, channel) / of(std, channel)),
  };
}

function floatNumbers(experiment: Experiment, moments?: Moments): Moments {
  const { normalise, mean, std } = experiment.settings;
  if (normalise !== null) {
    const where = whereSet(experiment, 'normalise');
    throw new InputError(
      `${where} = ${normalise}: is for bytes, and the data are floats; set it to auto, and mean and std as you need them`,
    );
  }
  return { mean: mean ?? moments?.mean ?? [0], std: std ?? moments?.std ?? [1] };
}

function source(experiment: Experiment, data: DataShape, count: number, batches: number): ImageSource {
  const scaling = data.scaling ?? normalisation(experiment, data.imageShape[2], 'bytes');
  const { values, scale, offset } = scaling;
  const input = { count, values, scale, offset };
  return data.isStreamed ? { type: 'stream', ...input } : { type: 'dataset', batches, ...input };
}
