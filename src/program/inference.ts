/** A trained network on an engine, to evaluate it and to predict with: a program of the evaluation alone. */

import { evaluationBatches } from '../data/batches.js';
import type { Images } from '../data/imageStream.js';
import type { Engine, Program } from '../engine/engine.js';
import { STORAGE, type Variables } from '../nn/index.js';
import type { LoadedWeights } from '../weights/loadedWeights.js';
import { evaluationStorages, oneBatchFeed } from './batchFeed.js';
import { type Evaluation, evaluate } from './evaluate.js';
import { restoreParameters, useFixedPairs } from './parameters.js';
import { type QuantizerReport, quantizerReport } from './quantizerReport.js';
import { buildEvaluationProgram, type ProgramOptions } from './trainingProgram.js';

export interface Inference {
  readonly program: Program;
  readonly variables: Variables;
  readonly quantizers: QuantizerReport;
  /**
   * Error and loss on labelled images; `visit` is given the logits [classes] of each, in their order. Rejects if an image
   * cannot be decoded.
   */
  evaluate(images: Images, visit?: (logits: Float64Array, image: number) => void): Promise<Evaluation>;
  /** Logits [count, classes], whatever the labels of the images are. Rejects if one cannot be decoded. */
  logits(images: Images): Promise<Float64Array>;
}

/**
 * Loads the network of `options` with the parameters of a file, for images of that network's size, batch by batch.
 * Throws an `InputError` if they do not belong together.
 */
export async function openInference(
  engine: Engine,
  options: ProgramOptions,
  weights: LoadedWeights,
): Promise<Inference> {
  const built = buildEvaluationProgram({ ...options, starting: weights });
  useFixedPairs(built, weights);
  const program = await engine.load(built.plan);
  restoreParameters(built, program, weights);
  const { batchSize } = options;
  const { classes } = options.model;
  const evaluateImages: Inference['evaluate'] = (images, visit) => {
    const { count } = images;
    const feed = oneBatchFeed(program, evaluationStorages, images);
    const visitBatch = async (batch: number) => {
      const logits = Float64Array.from(await program.read(STORAGE.logits));
      const first = batch * batchSize;
      for (let image = first; image < Math.min(first + batchSize, count); image++) {
        visit?.(logits.subarray((image - first) * classes, (image - first + 1) * classes), image);
      }
    };
    const set = { count, table: evaluationBatches(count, batchSize), feed };
    return evaluate(program, set, visit && visitBatch);
  };
  return {
    program,
    variables: built.variables,
    quantizers: quantizerReport(built.variables, await quantizerTable(program, built.variables.quantizers.length), 0),
    evaluate: evaluateImages,
    logits: async (images) => {
      const all = new Float64Array(images.count * classes);
      await evaluateImages(images, (logits, image) => all.set(logits, image * classes));
      return all;
    },
  };
}

async function quantizerTable(program: Program, rows: number): Promise<ArrayLike<number>> {
  return rows === 0 ? [] : program.read(STORAGE.quantizers);
}
