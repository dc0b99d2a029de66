/**
 * The whole training step as one plan: batch gather and augmentation, forward and backward pass, loss, penalty,
 * gradient limiting, update, projection, metrics; and the evaluation step on the same parameters.
 */

import type { InputType } from '../data/imageSet.js';
import { createRandom, randomStreams } from '../data/random.js';
import type { ShardPrecision } from '../device.js';
import { Graph, type Plan, type Tensor } from '../graph/index.js';
import {
  type ActivationSettings,
  type ModelOptions,
  type ParameterGroup,
  type QuantizerSettings,
  type StartingWeights,
  Variables,
} from '../nn/index.js';
import type { Solver } from '../ops/attributes.js';
import type { Normalization } from '../ops/gatherBatch.js';
import type { Distillation } from '../ops/softmaxCrossEntropy.js';
import { makePlan } from '../passes/index.js';
import type { Budget, CostTable } from '../quant/index.js';
import type { Task } from '../task.js';
import { PhaseBuilder, withoutQuantizers } from './phaseBuilder.js';

/** The source of a phase's images. */
export type ImageSource =
  /** The dataset is on the device; a table lists the images of each batch. */
  | ({
      readonly type: 'dataset';
      readonly values: InputType;
      readonly count: number;
      /** Rows of the batch table: batches of an epoch. */
      readonly batches: number;
    } & Normalization)
  /** One batch is on the device; the host has `count` images, and overwrites it with the next batch. */
  | ({ readonly type: 'stream'; readonly values: InputType; readonly count: number } & Normalization)
  /** The host writes every batch as numbers. */
  | { readonly type: 'batch' };

/** A network and its quantizers. */
export interface QuantizedNetwork extends ActivationSettings {
  readonly model: ModelOptions;
  readonly imageShape: readonly [height: number, width: number, channels: number];
  readonly weights: QuantizerSettings;
}

/** A trained network whose logits another one learns besides the labels, with weight and temperature. */
export interface TaughtBy extends Distillation {
  readonly teacher: QuantizedNetwork;
  /** Normalisation of its inputs; `null` for that of the network that learns. */
  readonly scaling: Normalization | null;
}

export interface ProgramOptions extends QuantizedNetwork {
  /** Images a batch of the plan. */
  readonly batchSize: number;
  /** Batches a step, whose gradients are averaged; each is normalised by its own moments; 1 by default. */
  readonly shards?: number;
  /** `float32` by default. */
  readonly shardPrecision?: ShardPrecision;
  /** Loss and metric; classification by default. */
  readonly task?: Task;
  /** Shape of the targets of one input; absent for a class an input. */
  readonly targetShape?: readonly number[] | undefined;
  readonly budget: Budget;
  /** A cost table, to be counted with the sizes. */
  readonly costs?: CostTable | null;
  readonly solver: Solver;
  readonly weightDecay: number;
  /** Learned values without weight decay: groups of parameters, and the values of quantizers. */
  readonly decayExclude?: readonly (Exclude<ParameterGroup, 'weight' | 'exponent'> | 'quantizers')[];
  /** Learning rate of the quantizers' values relative to that of the parameters; 1 by default. */
  readonly quantizerLearningRateFactor?: number;
  /** ε of label smoothing in training; 0 by default. */
  readonly labelSmoothing?: number;
  /** None by default. */
  readonly distillation?: TaughtBy | null;
  /** Pull weights to the levels of their quantizers, as strongly as `control` says. */
  readonly damps?: boolean;
  /** Cap the bits of quantizers at the numbers in the storage `bitCaps`. */
  readonly capsBits?: boolean;
  /** Channels may be pruned: the penalty counts the shares that the host writes. Needs `capsBits`. */
  readonly prunesChannels?: boolean;
  /**
   * Batches on which running moments are re-estimated before an evaluation; 0, the default, keeps those of training.
   */
  readonly momentBatches?: number;
  /** Batches on which a guaranteed budget measures gradients; 0, the default, takes those of the last step. */
  readonly gradientBatches?: number;
  /** Keep moving averages of parameters and running moments, and evaluate with them. */
  readonly movingAverages?: boolean;
  readonly seed: number;
  readonly starting: StartingWeights | null;
  readonly train: ImageSource;
  readonly evaluation: ImageSource;
}

export interface TrainingProgram {
  /** Phases `train`, or with shards `gradient` and `update`; `moments` if these are re-estimated; `evaluate`. */
  readonly plan: Plan;
  readonly variables: Variables;
  /**
   * The teacher's variables, if there is a teacher, in storages of their own, without initial values; `teach` writes
   * its parameters.
   */
  readonly teacher: Variables | null;
  readonly options: ProgramOptions;
  /** Names of the activations of the phase `evaluate`, if there is one, by the tensors' ids. */
  readonly activationNames: ReadonlyMap<number, string>;
}

/** Builds all phases, and the initial values of everything that they learn. */
export function buildTrainingProgram(options: ProgramOptions): TrainingProgram {
  const variables = startVariables(options);
  const builder = new PhaseBuilder(options, variables);
  builder.declare();
  const { shards = 1, momentBatches = 0, gradientBatches = 0 } = options;
  const step = shards === 1 ? { train: builder.train() } : { update: builder.update() };
  const gradient = shards > 1 || gradientBatches > 0 ? { gradient: builder.gradient() } : {};
  const moments = momentBatches > 0 ? { moments: builder.moments() } : {};
  const plan = makePlan({ ...gradient, ...step, ...moments, evaluate: builder.evaluate() });
  return { plan, variables, teacher: builder.teacher, options, activationNames: builder.activationNames };
}

/**
 * Builds the phase `evaluate` alone, over one batch of images that the host writes. Files of parameters hold the values
 * to evaluate, moving averages included, so nothing is averaged here.
 */
export function buildEvaluationProgram(options: ProgramOptions): TrainingProgram {
  const own = evaluatingOneBatch(options);
  const variables = startVariables(options);
  const builder = new PhaseBuilder(own, variables);
  builder.declare();
  const plan = makePlan({ evaluate: builder.evaluate() });
  return { plan, variables, teacher: null, options: own, activationNames: builder.activationNames };
}

function evaluatingOneBatch(options: ProgramOptions): ProgramOptions {
  const { evaluation, batchSize } = options;
  if (evaluation.type === 'batch') throw new Error('an evaluation program gathers its batches');
  const { values, scale, offset } = evaluation;
  const source = { type: 'stream', values, count: batchSize, scale, offset } as const;
  return { ...options, movingAverages: false, evaluation: source };
}

/**
 * The network of a program as it is evaluated, from one normalised image to its logits, before operations are fused.
 */
export function evaluatedForward({ options, variables }: TrainingProgram): {
  readonly graph: Graph;
  readonly images: Tensor;
  readonly logits: Tensor;
} {
  const graph = new Graph();
  const one = { ...options, batchSize: 1, evaluation: { type: 'batch' } } as const;
  const { images, logits } = new PhaseBuilder(one, variables).forward(graph, false);
  return { graph, images, logits };
}

/** The network without quantizers up to its logits, with storages for the requested activations. */
export interface FloatForward extends TrainingProgram {
  /** Storages that hold the activations after the phase `train`, by the activations' names. */
  readonly activations: ReadonlyMap<string, string>;
}

/**
 * Builds the beginning of a training step without quantizers: with the moments of the batch, from the same initial
 * values.
 *
 * @param kept names of the activations to keep
 */
export function buildFloatForward(options: ProgramOptions, kept: readonly string[]): FloatForward {
  const float = withoutQuantizers(options);
  const variables = startVariables(options);
  const builder = new PhaseBuilder(float, variables);
  builder.declare();
  const { graph, activations } = builder.floatForward(kept);
  const plan = makePlan({ train: graph });
  return { plan, variables, teacher: null, options: float, activationNames: builder.activationNames, activations };
}

/** An evaluation without quantizers, with storages for the requested inputs of batch normalisations. */
export interface NormalisationInputs extends TrainingProgram {
  /** Storages that hold the inputs after the phase `evaluate`, by the names of the batch normalisations' γ. */
  readonly inputs: ReadonlyMap<string, string>;
}

/**
 * Builds the evaluation of one batch without quantizers, with the running moments.
 *
 * @param kept the γ of the batch normalisations whose inputs to keep
 */
export function buildNormalisationInputs(options: ProgramOptions, kept: readonly string[]): NormalisationInputs {
  const float = evaluatingOneBatch(withoutQuantizers(options));
  const variables = startVariables(options);
  const builder = new PhaseBuilder(float, variables);
  builder.declare();
  const inputs = new Map(kept.map((gamma) => [gamma, `input of ${gamma}`]));
  const plan = makePlan({ evaluate: builder.normalisationInputs(inputs) });
  return { plan, variables, teacher: null, options: float, activationNames: builder.activationNames, inputs };
}

/** The variables of a network without initial values, which is enough for sizes. */
export function declaredVariables(options: ProgramOptions): Variables {
  const variables = new Variables(null);
  new PhaseBuilder(options, variables).declare();
  return variables;
}

function startVariables({ seed, starting }: ProgramOptions): Variables {
  return new Variables(createRandom(seed, randomStreams.startValues), starting);
}
