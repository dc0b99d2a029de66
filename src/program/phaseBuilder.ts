/** The phases of a program as graphs: forward and backward pass, update, re-estimation of moments, evaluation. */

import { type DType, elementCount, Graph, operandsOf, type Shape, type Storage, type Tensor } from '../graph/index.js';
import {
  averageStorages,
  buildModel,
  channelGroups,
  liveActivations,
  modelDefinition,
  type Network,
  productsOf,
  STORAGE,
  sharedQuantizers,
  unquantized,
  Variables,
} from '../nn/index.js';
import { CONTROL, CONTROL_LENGTH, METRICS_LENGTH, PENALTIES_LENGTH } from '../ops/attributes.js';
import { elementLoss } from '../ops/elementLoss.js';
import { flatten } from '../ops/flatten.js';
import type { Normalization } from '../ops/gatherBatch.js';
import type { UpdateRule } from '../ops/parameterUpdate.js';
import { softmaxCrossEntropy, type Teaching } from '../ops/softmaxCrossEntropy.js';
import { appendGradients, fuse, prune } from '../passes/index.js';
import { classification } from '../task.js';
import { appendDamping } from './damping.js';
import type { ProgramOptions, QuantizedNetwork } from './trainingProgram.js';

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

/** Builds the graphs of a program's phases on one set of variables and storages. */
export class PhaseBuilder {
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

  /** The forward pass, and the storages of the activations `kept`, by name. */
  floatForward(kept: readonly string[]): { readonly graph: Graph; readonly activations: ReadonlyMap<string, string> } {
    const graph = new Graph(this.#ids);
    const outputs = new Map<string, Tensor>();
    const onActivation = (name: string, output: Tensor) => {
      if (!kept.includes(name)) return;
      output.view = { storage: this.#storage(`activation ${name}`, elementCount(output.shape)), offset: 0 };
      outputs.set(name, output);
    };
    this.forward(graph, true, { onActivation });
    // One that is the network's output is in the storage of the logits.
    return { graph, activations: new Map([...outputs].map(([name, { view }]) => [name, view!.storage.name])) };
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
        return task.loss satisfies never;
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
      // Without batch normalisation there are no running moments.
      if (values.length === 0) continue;
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

/** The options of the same network in float, evaluated with its own parameters and without a teacher. */
export function withoutQuantizers(options: ProgramOptions): ProgramOptions {
  const activations = { activations: unquantized, linear: unquantized, input: unquantized };
  return {
    ...options,
    ...{ shards: 1, weights: unquantized, ...activations, exceptions: {}, movingAverages: false, distillation: null },
  };
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
