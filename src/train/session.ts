/**
 * A training program on an engine with its data: everything between the parameters' start values and a trained state.
 * `train.ts` drives it epoch by epoch; `mpdnn eval` evaluates with it.
 */

import { type BatchTable, evaluationBatches } from '../data/batches.js';
import { type ImageSet, joined } from '../data/imageSet.js';
import type { Engine, Program } from '../engine/engine.js';
import { averageStorages, STORAGE } from '../nn/index.js';
import { type Evaluation, type EvaluationSet, evaluate } from './evaluate.js';
import type { TrainingProgram } from './trainingProgram.js';

export interface Session {
  readonly program: Program;
  readonly training: TrainingProgram;
  setTrainingImages(images: ImageSet): void;
  /** One set, or one that chooses parameters and one that is only reported on. */
  setEvaluationImages(...sets: readonly [ImageSet, ...ImageSet[]]): void;
  setBatches(table: BatchTable): void;
  /** Of the evaluation set with this index. */
  evaluate(set?: number): Promise<Evaluation>;
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
    const average = averageStorages.get(view.storage.name);
    if (average && training.options.movingAverages) program.write(average, start, view.offset);
  }
  if (variables.table.length) program.write(STORAGE.quantizers, variables.table);
  let evaluationSets: readonly EvaluationSet[] = [];
  return {
    program,
    training,
    setTrainingImages: ({ images, labels }) => {
      program.write(STORAGE.trainImages, images);
      program.write(STORAGE.trainLabels, labels);
    },
    setEvaluationImages: (...sets) => {
      const { images, labels } = joined(sets);
      program.write(STORAGE.evaluationImages, images);
      program.write(STORAGE.evaluationLabels, labels);
      const { batchSize } = training.options;
      let firstImage = 0;
      let firstBatch = 0;
      evaluationSets = sets.map(({ count }) => {
        const { entries, batches } = evaluationBatches(count, batchSize, firstImage);
        program.write(STORAGE.evaluationBatches, entries, firstBatch * batchSize * 2);
        const set = { count, firstBatch, batches, batchSize };
        firstImage += count;
        firstBatch += batches;
        return set;
      });
    },
    setBatches: ({ entries }) => program.write(STORAGE.trainBatches, entries),
    evaluate: (index = 0) => {
      const set = evaluationSets[index];
      if (!set) throw new Error(`there is no evaluation set ${index}`);
      return evaluate(program, set);
    },
  };
}
