/** A trained network on an engine, for evaluation and prediction: a program with the evaluation only. */

import { evaluationBatches } from '../data/batches.js';
import type { Images } from '../data/imageStream.js';
import type { Engine, Program } from '../engine/engine.js';
import { elementCount } from '../graph/tensor.js';
import { modelDefinition, STORAGE, type Variables } from '../nn/index.js';
import { classification } from '../task.js';
import type { LoadedWeights } from '../weights/loadedWeights.js';
import { evaluationStorages, oneBatchFeed } from './batchFeed.js';
import { type Evaluation, type EvaluationSet, evaluate, loadScores } from './evaluate.js';
import { restoreParameters, useFixedPairs } from './parameters.js';
import { countChannels } from './prunedChannels.js';
import { type QuantizerReport, quantizerReport } from './quantizerReport.js';
import type { Scaling } from './score.js';
import { buildEvaluationProgram, type ProgramOptions } from './trainingProgram.js';

/** Callbacks during an evaluation. */
export interface InferenceEvents {
  /** Gets the outputs of each image, in order. */
  readonly visit?: ((logits: Float64Array, image: number) => void) | undefined;
  /** Called after each batch with the number of images so far, and of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Inference {
  readonly program: Program;
  readonly variables: Variables;
  readonly quantizers: QuantizerReport;
  /** Error and loss on labelled images. Rejects if an image cannot be decoded. */
  evaluate(images: Images, events?: InferenceEvents): Promise<Evaluation>;
  /** Shape of the outputs of one image. */
  readonly outputShape: readonly number[];
  /** Outputs [count, …] for images; their labels are ignored. Rejects if an image cannot be decoded. */
  logits(images: Images): Promise<Float64Array>;
}

/** The scaling of the inputs of an evaluation program. */
export function evaluationScaling({ evaluation }: Pick<ProgramOptions, 'evaluation'>): Scaling {
  if (evaluation.type === 'batch') throw new Error('an evaluation program gathers its batches');
  return evaluation;
}

/**
 * Loads the network of `options` with the parameters of a file, for images of that network's size. Throws an
 * `InputError` if they do not fit together.
 */
export async function openInference(
  engine: Engine,
  options: ProgramOptions,
  weights: LoadedWeights,
): Promise<Inference> {
  const built = buildEvaluationProgram({ ...options, starting: weights });
  useFixedPairs(built, weights);
  countChannels(built, (name) => weights.get(name)?.values);
  const program = await engine.load(built.plan);
  restoreParameters(built, program, weights);
  const { batchSize, task = classification } = options;
  const scaling = evaluationScaling(options);
  const scoresOf = await loadScores(task);
  const outputShape = [modelDefinition(options.model, options.imageShape).outputs].flat();
  const outputs = elementCount(outputShape);
  const visitAll = (
    images: Images,
    score: EvaluationSet['score'],
    { visit, onProgress }: InferenceEvents = {},
  ): Promise<Evaluation> => {
    const { count } = images;
    const feed = oneBatchFeed(program, evaluationStorages, images);
    const set = { count, table: evaluationBatches(count, batchSize), feed, score };
    return evaluate(program, set, {
      visit: visit && ((own, image) => visit(Float64Array.from(own), image)),
      afterBatch: async (batch) => onProgress?.(Math.min((batch + 1) * batchSize, count), count),
    });
  };
  return {
    program,
    outputShape,
    variables: built.variables,
    quantizers: quantizerReport(built.variables, await quantizerTable(program, built.variables.quantizers.length), 0),
    evaluate: (images, events) => visitAll(images, scoresOf?.(images, scaling, 'test') ?? null, events),
    logits: async (images) => {
      const all = new Float64Array(images.count * outputs);
      await visitAll(images, null, { visit: (own, image) => all.set(own, image * outputs) });
      return all;
    },
  };
}

async function quantizerTable(program: Program, rows: number): Promise<ArrayLike<number>> {
  return rows === 0 ? [] : program.read(STORAGE.quantizers);
}
