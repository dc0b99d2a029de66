/**
 * A training program on an engine with its data: everything between the parameters' start values and a trained state.
 * `train.ts` drives it epoch by epoch; `mpdnn eval` evaluates with it.
 */

import type { BatchTable } from '../data/batches.js';
import type { Images } from '../data/imageStream.js';
import type { Engine, Program } from '../engine/engine.js';
import { STORAGE } from '../nn/index.js';
import { type BatchFeed, batchFeed, evaluationStorages, trainingStorages } from './batchFeed.js';
import { type Evaluation, evaluate } from './evaluate.js';
import type { TrainingProgram } from './trainingProgram.js';

export interface Session {
  readonly program: Program;
  readonly training: TrainingProgram;
  setTrainingImages(images: Images): void;
  setEvaluationImages(images: Images): void;
  /** Begins with batch `first` of an epoch. */
  setBatches(table: BatchTable, first?: number): void;
  /** Makes `batch` the one of the next training step. Rejects if one of its images cannot be decoded. */
  useBatch(batch: number): Promise<void>;
  /** Milliseconds so far in which `useBatch` waited for images to be decoded. */
  readonly waitMs: number;
  /** Rejects if an image cannot be decoded. */
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
  let trainingFeed: BatchFeed | null = null;
  let evaluationFeed: BatchFeed | null = null;
  return {
    program,
    training,
    setTrainingImages: (images) => {
      trainingFeed = batchFeed(program, trainingStorages, images);
    },
    setEvaluationImages: (images) => {
      evaluationFeed = batchFeed(program, evaluationStorages, images);
    },
    setBatches: (table, first) => set(trainingFeed).begin(table, first),
    useBatch: (batch) => set(trainingFeed).use(batch),
    get waitMs() {
      return trainingFeed?.waitMs ?? 0;
    },
    evaluate: () => evaluate(program, set(evaluationFeed), training.options.batchSize),
  };
}

function set(feed: BatchFeed | null): BatchFeed {
  if (!feed) throw new Error('the images have to be set first');
  return feed;
}
