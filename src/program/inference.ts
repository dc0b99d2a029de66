/** A trained network on an engine, to evaluate it and to predict with: a program of the evaluation alone. */

import { evaluationBatches } from '../data/batches.js';
import type { Images } from '../data/imageStream.js';
import type { Engine, Program } from '../engine/engine.js';
import { STORAGE } from '../nn/index.js';
import { METRICS_LENGTH } from '../ops/attributes.js';
import type { LoadedWeights } from '../weights/loadedWeights.js';
import { evaluationStorages, oneBatchFeed } from './batchFeed.js';
import { type Evaluation, evaluate } from './evaluate.js';
import { restoreParameters, useFixedPairs } from './parameters.js';
import { type QuantizerReport, quantizerReport } from './quantizerReport.js';
import { buildEvaluationProgram, type ProgramOptions } from './trainingProgram.js';

export interface Inference {
  readonly program: Program;
  readonly quantizers: QuantizerReport;
  /** Error and loss on labelled images. Rejects if one cannot be decoded. */
  evaluate(images: Images): Promise<Evaluation>;
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
  const tableOf = ({ count }: Images) => evaluationBatches(count, batchSize);
  return {
    program,
    quantizers: quantizerReport(built.variables, await quantizerTable(program, built.variables.quantizers.length), 0),
    evaluate: (images) => {
      const feed = oneBatchFeed(program, evaluationStorages, images);
      return evaluate(program, { count: images.count, table: tableOf(images), feed });
    },
    logits: async (images) => {
      const feed = oneBatchFeed(program, evaluationStorages, images);
      const table = tableOf(images);
      const all = new Float64Array(table.batches * batchSize * classes);
      program.write(STORAGE.evaluationMetrics, new Float64Array(METRICS_LENGTH));
      feed.begin(table);
      for (let batch = 0; batch < table.batches; batch++) {
        await feed.use(batch);
        await program.run('evaluate');
        all.set(await program.read(STORAGE.logits), batch * batchSize * classes);
      }
      return all.subarray(0, images.count * classes);
    },
  };
}

async function quantizerTable(program: Program, rows: number): Promise<ArrayLike<number>> {
  return rows === 0 ? [] : program.read(STORAGE.quantizers);
}
