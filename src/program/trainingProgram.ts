/**
 * The whole training step as one plan: batch gather and augmentation, forward and backward pass, loss, penalty,
 * gradient limiting, update, projection, metrics; and the evaluation step on the same parameters.
 */

import type { InputType } from '../data/imageSet.js';
import { createRandom, randomStreams } from '../data/random.js';
import {
  type DType,
  elementCount,
  Graph,
  operandsOf,
  type Plan,
  type Shape,
  type Storage,
  type Tensor,
} from '../graph/index.js';
import {
  type ActivationSettings,
  averageStorages,
  buildModel,
  channelGroups,
  liveActivations,
  type ModelOptions,
  modelDefinition,
  type Network,
  type ParameterGroup,
  productsOf,
  type QuantizerSettings,
  STORAGE,
  type StartingWeights,
  sharedQuantizers,
  unquantized,
  Variables,
} from '../nn/index.js';
import { CONTROL, CONTROL_LENGTH, METRICS_LENGTH, PENALTIES_LENGTH, type Solver } from '../ops/attributes.js';
import { elementLoss } from '../ops/elementLoss.js';
import { flatten } from '../ops/flatten.js';
import type { Normalization } from '../ops/gatherBatch.js';
import type { UpdateRule } from '../ops/parameterUpdate.js';
import { type Distillation, softmaxCrossEntropy, type Teaching } from '../ops/softmaxCrossEntropy.js';
import { appendGradients, fuse, makePlan, prune } from '../passes/index.js';
import type { Budget, CostTable } from '../quant/index.js';
import { classification, type Task } from '../task.js';
import { appendDamping } from './damping.js';

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
  const { shards = 1, momentBatches = 0 } = options;
  const step = shards === 1 ? { train: builder.train() } : { gradient: builder.gradient(), update: builder.update() };
  const moments = momentBatches > 0 ? { moments: builder.moments() } : {};
  const plan = makePlan({ ...step, ...moments, evaluate: builder.evaluate() });
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
  const places = new Map(kept.map((name) => [name, `activation ${name}`]));
  const graph = builder.floatForward(places);
  const plan = makePlan({ train: graph });
  return {
    plan,
    variables,
    teacher: null,
    options: float,
    activationNames: builder.activationNames,
    activations: places,
  };
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

function withoutQuantizers(options: ProgramOptions): ProgramOptions {
  const activations = { activations: unquantized, linear: unquantized, input: unquantized };
  return {
    ...options,
    ...{ shards: 1, weights: unquantized, ...activations, exceptions: {}, movingAverages: false, distillation: null },
  };
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

/** The inputs of a batch. */
interface Gathered {
  readonly count: number;
  readonly from: Readonly<Record<'images' | 'labels' | 'batchTable' | 'position', Tensor>>;
}

interface Forward {
  readonly images: Tensor;
  /** −1 for padding. */
  readonly labels: Tensor;
  /** `null` if the host writes each batch. */
  readonly gathered: Gathered | null;
  readonly logits: Tensor;
  /** The teacher's logits in training, if there is a teacher. */
  readonly teaching: Teaching | null;
}

class PhaseBuilder {
  readonly activationNames = new Map<number, string>();
  #teacher: PhaseBuilder | null = null;
  readonly #ids = { next: 0 };
  readonly #storages = new Map<string, Storage>();
  /** Offsets at which the parameters without decay begin, and behind them the exponents of channels. */
  #decayEnd = 0;
  #exponentsBegin = 0;

  constructor(
    readonly options: ProgramOptions,
    readonly variables: Variables,
  ) {}

  /** The teacher's variables, once a phase that learns from it has been built. */
  get teacher(): Variables | null {
    return this.#teacher?.variables ?? null;
  }

  /** Builds the network to declare its variables; the lengths of all vectors are known from then on. */
  declare(): void {
    let graph = new Graph();
    let { images, logits } = this.forward(graph, false);
    const shared = sharedQuantizers(graph, this.variables, this.options);
    if (shared.length > 0) {
      this.variables.shareQuantizers(shared);
      graph = new Graph();
      ({ images, logits } = this.forward(graph, false));
    }
    this.variables.live = liveActivations(graph, images, logits);
    this.variables.products = productsOf(graph, images);
    this.variables.costs = this.options.costs ?? null;
    if (this.options.prunesChannels) {
      const { model, imageShape } = this.options;
      this.variables.channelGroups = channelGroups(modelDefinition(model, imageShape), this.variables);
    }
    const begins = this.variables.moveBehind(this.options.decayExclude ?? [], ['exponent']);
    [this.#decayEnd, this.#exponentsBegin] = begins as [number, number];
  }

  /** A whole step. */
  train(): Graph {
    const graph = new Graph(this.#ids);
    const { loss, sums } = this.#appendGradient(graph);
    this.#appendUpdate(graph, loss, sums);
    prune(graph);
    return graph;
  }

  /** The first part of a step: forward and backward pass of one batch. */
  gradient(): Graph {
    const graph = new Graph(this.#ids);
    this.#appendGradient(graph);
    prune(graph);
    return graph;
  }

  /** The second part of a step: the update. */
  update(): Graph {
    const graph = new Graph(this.#ids);
    const loss = graph.whole(this.#storage(STORAGE.loss, 2));
    this.#appendUpdate(graph, loss, this.#quantizerTable(graph, STORAGE.quantizerSums));
    prune(graph);
    return graph;
  }

  /** Sets the running moments to those of one training batch, with the network as it is evaluated. */
  moments(): Graph {
    const graph = new Graph(this.#ids);
    this.forward(graph, true, { runningDecay: 0 });
    if (this.options.movingAverages) this.#readAverages(graph);
    fuse(graph);
    prune(graph);
    return graph;
  }

  evaluate(): Graph {
    const graph = new Graph(this.#ids);
    const onActivation = (name: string, { id }: Tensor) => this.activationNames.set(id, name);
    const forward = this.forward(graph, false, { onActivation });
    const loss = this.#loss(graph, forward, false);
    if (this.options.movingAverages) this.#readAverages(graph);
    fuse(graph);
    const metrics = graph.whole(this.#storage(STORAGE.evaluationMetrics, METRICS_LENGTH));
    const penalties = graph.whole(this.#storage(STORAGE.penalties, PENALTIES_LENGTH));
    graph.append(
      'recordMetrics',
      { loss, penalties, statistics: this.#statistics(graph) },
      { metrics },
      { layers: [] },
    );
    prune(graph);
    return graph;
  }

  /** @param places storages of activations, by name */
  floatForward(places: ReadonlyMap<string, string>): Graph {
    const graph = new Graph(this.#ids);
    const onActivation = (name: string, output: Tensor) => {
      const storage = places.get(name);
      if (storage) output.view = { storage: this.#storage(storage, elementCount(output.shape)), offset: 0 };
    };
    this.forward(graph, true, { onActivation });
    return graph;
  }

  /** @param places storages of the inputs of batch normalisations, by their γ */
  normalisationInputs(places: ReadonlyMap<string, string>): Graph {
    const graph = new Graph(this.#ids);
    this.forward(graph, false);
    for (const node of graph.nodes) {
      const storage = node.op === 'batchNorm' ? places.get(node.operands.gamma.name) : undefined;
      if (node.op !== 'batchNorm' || storage === undefined) continue;
      const { x } = node.operands;
      x.view = { storage: this.#storage(storage, elementCount(x.shape)), offset: 0 };
    }
    return graph;
  }

  /** From images to outputs. */
  forward(graph: Graph, training: boolean, more: Pick<Network, 'onActivation' | 'runningDecay'> = {}): Forward {
    const { images, labels, gathered } = this.#batch(graph, training);
    const teaching = training ? this.#teaching(graph, images, gathered) : null;
    const logits = this.#outputs(graph, images, training, more);
    logits.view = { storage: this.#storage(STORAGE.logits, elementCount(logits.shape)), offset: 0 };
    return { images, labels, gathered, logits, teaching };
  }

  #outputs(
    graph: Graph,
    images: Tensor,
    training: boolean,
    more: Pick<Network, 'onActivation' | 'runningDecay'> = {},
  ): Tensor {
    const { options, variables } = this;
    const table = this.#quantizerTable(graph, STORAGE.quantizers);
    const ranges = graph.tensor('ranges', table.shape);
    graph.append('prepareQuantizers', { table }, { ranges }, { rows: variables.quantizers });
    const { weights, activations, linear = null, input = null, exceptions = {} } = options;
    const parts = { weights, activations, linear, input, exceptions };
    return buildModel({ graph, variables, training, ranges, ...parts, ...more }, images, options.model);
  }

  /** The teacher's logits for a batch: with running moments, without gradients. */
  #teaching(graph: Graph, images: Tensor, gathered: Gathered | null): Teaching | null {
    const { distillation } = this.options;
    if (!distillation) return null;
    const { teacher, scaling, temperature, weight } = distillation;
    this.#teacher ??= teacherBuilder(this.options, teacher);
    const unused = graph.tensor('labels', [images.shape[0]!], null, 'int32');
    const own = scaling && gathered ? gather(graph, images.shape, gathered, unused, scaling) : images;
    return { logits: this.#teacher.#outputs(graph, own, false), distillation: { temperature, weight } };
  }

  #loss(graph: Graph, { images, labels, gathered, logits, teaching }: Forward, training: boolean): Tensor {
    const { task = classification, labelSmoothing } = this.options;
    const view = { storage: this.#storage(STORAGE.loss, 2), offset: 0 };
    const smoothing = training ? labelSmoothing : 0;
    switch (task.loss) {
      case 'classes':
        return softmaxCrossEntropy(graph, logits, labels, view, smoothing, teaching);
      case 'pixels':
        return softmaxCrossEntropy(graph, logits, this.#targets(graph, gathered, training), view, smoothing);
      case 'values':
      case 'labels': {
        const targets =
          task.target === 'input' ? shapedLike(graph, images, logits) : this.#targets(graph, gathered, training);
        return elementLoss(graph, { outputs: logits, targets, labels }, view, task.loss);
      }
      default:
        throw new Error(`there is no loss of ${task.loss satisfies never}`);
    }
  }

  /** The targets of a batch: class indices of pixels, or numbers. */
  #targets(graph: Graph, gathered: Gathered | null, training: boolean): Tensor {
    const { task = classification, targetShape, batchSize } = this.options;
    if (!gathered || !targetShape) throw new Error(`the loss of ${task.loss} needs targets that are gathered`);
    const { count, from } = gathered;
    const { batchTable, position } = from;
    const dtype = task.loss === 'pixels' ? 'int32' : 'float';
    const name = training ? STORAGE.trainTargets : STORAGE.evaluationTargets;
    const shape = [count, ...targetShape];
    const targets = graph.whole(this.#storage(name, elementCount(shape), dtype), shape);
    const y = graph.tensor('targets', [batchSize, ...targetShape], null, dtype);
    graph.append('gatherTargets', { targets, batchTable, position }, { y }, {});
    return y;
  }

  #appendGradient(graph: Graph): { loss: Tensor; sums: Tensor } {
    const loss = this.#loss(graph, this.forward(graph, true), true);
    fuse(graph);
    const [parameters, gradients] = [STORAGE.parameters, STORAGE.gradients].map((name) => this.#parameterVector(name));
    const places = { parameters: parameters!, gradients: gradients! };
    const sums = this.#quantizerTable(graph, STORAGE.quantizerSums);
    const known = this.options.damps ? appendDamping(graph, places.parameters, this.#dampingFactors(graph)) : [];
    appendGradients(graph, loss, places, sums, known);
    return { loss, sums };
  }

  #dampingFactors(graph: Graph): [Tensor, Tensor] {
    const storage = this.#storage(STORAGE.control, CONTROL_LENGTH);
    const at = (offset: number) => graph.tensor('damping', [1], { storage, offset });
    return [at(CONTROL.damping), at(CONTROL.negatedDamping)];
  }

  #batch(graph: Graph, training: boolean): Pick<Forward, 'images' | 'labels' | 'gathered'> {
    const { batchSize, imageShape } = this.options;
    const source = training ? this.options.train : this.options.evaluation;
    const shape = [batchSize, ...imageShape];
    const labels = graph.whole(this.#storage(STORAGE.batchLabels, batchSize, 'int32'));
    if (source.type === 'batch') {
      const images = graph.whole(this.#storage(STORAGE.batchImages, elementCount(shape)), shape);
      return { images, labels, gathered: null };
    }
    const resident = source.type === 'dataset' ? source : { count: batchSize, batches: 1 };
    const names = training
      ? [STORAGE.trainImages, STORAGE.trainLabels, STORAGE.trainBatches]
      : [STORAGE.evaluationImages, STORAGE.evaluationLabels, STORAGE.evaluationBatches];
    const [values, classes, batches] = names as [string, string, string];
    const dtype = source.values === 'bytes' ? 'uint8' : 'float';
    const all = graph.whole(this.#storage(values, resident.count * elementCount(imageShape), dtype), [
      resident.count,
      ...imageShape,
    ]);
    const ofAll = graph.whole(this.#storage(classes, resident.count, 'int32'));
    const batchTable = graph.whole(this.#storage(batches, resident.batches * batchSize * 2, 'int32'), [
      resident.batches,
      batchSize,
      2,
    ]);
    const position = graph.whole(this.#storage(STORAGE.position, 1, 'int32'));
    const gathered = { count: resident.count, from: { images: all, labels: ofAll, batchTable, position } };
    return { images: gather(graph, shape, gathered, labels, source), labels, gathered };
  }

  #appendUpdate(graph: Graph, loss: Tensor, sums: Tensor): void {
    const { options, variables } = this;
    const { solver, weightDecay, decayExclude = [], budget, quantizerLearningRateFactor = 1 } = options;
    const adam = solver.type === 'adam';
    const control = graph.whole(this.#storage(STORAGE.control, CONTROL_LENGTH));
    const penalties = graph.whole(this.#storage(STORAGE.penalties, PENALTIES_LENGTH));
    const table = (name: string) => this.#quantizerTable(graph, name);
    const { capsBits, prunesChannels } = options;
    const rows = Math.max(1, variables.quantizers.length);
    const caps = capsBits ? this.#storage(STORAGE.bitCaps, prunesChannels ? 2 * rows : rows) : null;
    const operands = {
      table: table(STORAGE.quantizers),
      sums,
      velocity: table(STORAGE.quantizerVelocity),
      secondMoment: adam ? table(STORAGE.quantizerSecondMoment) : null,
      control,
      bitCaps: caps && graph.tensor('bitCaps', [rows], { storage: caps, offset: 0 }),
      keptShares: caps && prunesChannels ? graph.tensor('keptShares', [rows], { storage: caps, offset: rows }) : null,
    };
    const results = {
      gradients: table(STORAGE.quantizerGradients),
      limited: table(STORAGE.quantizerLimited),
      penalties,
    };
    graph.append('quantizerUpdate', operands, results, {
      rows: variables.quantizers,
      unquantized: variables.unquantized,
      budget,
      solver,
      weightDecay: decayExclude.includes('quantizers') ? 0 : weightDecay,
      learningRateFactor: quantizerLearningRateFactor,
    });
    const [decayEnd, exponentsBegin] = [this.#decayEnd, this.#exponentsBegin];
    this.#appendParameterUpdate(graph, control, 0, decayEnd, { weightDecay });
    this.#appendParameterUpdate(graph, control, decayEnd, exponentsBegin, { weightDecay: 0 });
    this.#appendParameterUpdate(graph, control, exponentsBegin, this.#parameterVector(STORAGE.parameters).length, {
      weightDecay: 0,
      learningRateFactor: quantizerLearningRateFactor,
    });
    if (options.movingAverages) this.#appendAverages(graph, control);
    const metrics = graph.whole(this.#storage(STORAGE.metrics, METRICS_LENGTH));
    const statistics = this.#statistics(graph);
    graph.append('recordMetrics', { loss, penalties, statistics }, { metrics }, { layers: variables.layers });
  }

  /** Updates the parameters from offset `begin` to `end`. */
  #appendParameterUpdate(
    graph: Graph,
    control: Tensor,
    begin: number,
    end: number,
    factors: Omit<UpdateRule, 'solver'>,
  ): void {
    if (begin === end) return;
    const { solver } = this.options;
    const part = (name: string) =>
      graph.tensor(name, [end - begin], { storage: this.#parameterVector(name), offset: begin });
    const vectors = {
      parameters: part(STORAGE.parameters),
      gradients: part(STORAGE.gradients),
      velocity: part(STORAGE.velocity),
      secondMoment: solver.type === 'adam' ? part(STORAGE.secondMoment) : null,
    };
    graph.append('parameterUpdate', { ...vectors, control }, {}, { solver, ...factors });
  }

  #appendAverages(graph: Graph, control: Tensor): void {
    for (const [name, average] of averageStorages) {
      const values = this.variables.storage(name);
      const vectors = { values: graph.whole(values), average: graph.whole(this.#storage(average, values.length)) };
      graph.append('movingAverage', { ...vectors, control }, {}, {});
    }
  }

  /** Makes a graph read moving averages instead of the values that it reads. */
  #readAverages(graph: Graph): void {
    for (const tensor of graph.nodes.flatMap(operandsOf)) {
      const average = averageStorages.get(tensor.view?.storage.name ?? '');
      if (!tensor.view || !average) continue;
      const { storage, offset } = tensor.view;
      tensor.view = { storage: this.#storage(average, storage.length), offset };
    }
  }

  #statistics(graph: Graph): Tensor {
    return graph.whole(this.variables.storage(STORAGE.statistics));
  }

  #parameterVector(name: string): Storage {
    const parameters = this.variables.storage(STORAGE.parameters);
    return name === STORAGE.parameters ? parameters : this.#storage(name, parameters.length);
  }

  /** A storage of two numbers a quantizer; never empty, since engines cannot have empty buffers. */
  #quantizerTable(graph: Graph, name: string): Tensor {
    const rows = Math.max(1, this.variables.quantizers.length);
    return graph.whole(this.#storage(name, 2 * rows), [rows, 2]);
  }

  #storage(name: string, length: number, dtype: DType = 'float'): Storage {
    const known = this.#storages.get(name);
    if (known?.length === length) return known;
    const storage = { name: this.variables.storageName(name), dtype, length };
    this.#storages.set(name, storage);
    return storage;
  }
}

/** Gathers the images of a batch, [B,H,W,C], and their labels. */
function gather(
  graph: Graph,
  shape: Shape,
  { from }: Gathered,
  labels: Tensor,
  { scale, offset }: Normalization,
): Tensor {
  const images = graph.tensor('images', shape);
  graph.append('gatherBatch', from, { x: images, y: labels }, { scale, offset });
  return images;
}

/** Builds a teacher beside the network of `options`, with storages of its own. */
function teacherBuilder(options: ProgramOptions, teacher: QuantizedNetwork): PhaseBuilder {
  const own = { ...withoutQuantizers(options), ...teacher, prunesChannels: false };
  const builder = new PhaseBuilder(own, new Variables(null, null, 'teacher '));
  builder.declare();
  return builder;
}

/** Images in the shape of the outputs that they are compared with: as they are, or flattened. */
function shapedLike(graph: Graph, images: Tensor, outputs: Tensor): Tensor {
  return outputs.shape.length === images.shape.length ? images : flatten(graph, images);
}
