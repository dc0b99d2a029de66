/**
 * A training program on an engine with its data: everything between the parameters' start values and a trained state.
 * `train.ts` drives it epoch by epoch; `mpdnn eval` evaluates with it.
 */

import { type BatchTable, evaluationBatches } from '../data/batches.js';
import type { ImageSet } from '../data/imageSet.js';
import type { Engine, Program } from '../engine/engine.js';
import { STORAGE } from '../nn/index.js';
import { type Evaluation, evaluate } from './evaluate.js';
import type { TrainingProgram } from './trainingProgram.js';

export interface Session {
  readonly program: Program;
  readonly training: TrainingProgram;
  setTrainingImages(images: ImageSet): void;
  setEvaluationImages(images: ImageSet): void;
  setBatches(table: BatchTable): void;
  evaluate(): Promise<Evaluation>;
}

/** Loads a program into an engine and writes the start values of everything that is learned. */
export async function openSession(
  engine: Engine,
  training: TrainingProgram,
  onProgress?: (done: number, total: number) => void,
): Promise<Session> {
  const program = await engine.load(training.plan, onProgress);
  const { variables } = training;
  for (const { view, start } of [...variables.parameters, ...variables.running]) {
    program.write(view.storage.name, start, view.offset);
  }
  if (variables.table.length) program.write(STORAGE.quantizers, variables.table);
  let evaluation: BatchTable & { count: number } = { ...evaluationBatches(0, 1), count: 0 };
  return {
    program,
    training,
    setTrainingImages: ({ images, labels }) => {
      program.write(STORAGE.trainImages, images);
      program.write(STORAGE.trainLabels, labels);
    },
    setEvaluationImages: ({ images, labels, count }) => {
      evaluation = { ...evaluationBatches(count, training.options.batchSize), count };
      program.write(STORAGE.evaluationImages, images);
      program.write(STORAGE.evaluationLabels, labels);
      program.write(STORAGE.evaluationBatches, evaluation.entries);
    },
    setBatches: ({ entries }) => program.write(STORAGE.trainBatches, entries),
    evaluate: () => evaluate(program, evaluation),
  };
}
