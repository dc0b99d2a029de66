/**
 * A training program on an engine with its data, from the initial values to a trained state. `train.ts` drives it epoch
 * by epoch; `mpdnn eval` evaluates with it.
 */

import { type BatchTable, evaluationBatches } from '../data/batches.js';
import { type ImageSet, type InputArray, joined } from '../data/imageSet.js';
import { type Images, isStream } from '../data/imageStream.js';
import type { Engine, LoadProgress, Program } from '../engine/engine.js';
import { averageStorages, STORAGE } from '../nn/index.js';
import { classification } from '../task.js';
import { type BatchFeed, batchFeed, evaluationStorages, trainingStorages } from './batchFeed.js';
import {
  type Evaluation,
  type EvaluationSet,
  loadScores,
  type QueuedEvaluation,
  queueEvaluation,
  type ScoresOf,
} from './evaluate.js';
import { oneRank, type Ranks } from './ranks.js';
import { ownShards, wholeStep } from './step.js';
import type { ProgramOptions, TrainingProgram } from './trainingProgram.js';

export interface Session {
  readonly program: Program;
  /** The processes that train together, including this one. */
  readonly ranks: Ranks;
  readonly training: TrainingProgram;
  setTrainingImages(images: Images): void;
  /**
   * Sets one evaluation set, or one that selects parameters and one that is only reported; all resident or all
   * streamed.
   */
  setEvaluationImages(...sets: readonly [Images, ...Images[]]): void;
  /** Sets the batches of an epoch, beginning with batch `first`. */
  setBatches(table: BatchTable, first?: number): void;
  /** Trains one step on a batch. Resolves to the error if an image cannot be decoded; nothing is trained then. */
  step(batch: number): Promise<Error | null>;
  /** Re-estimates the running moments on the first batches of an epoch, as many as the program's options say. */
  measureMoments(table: BatchTable): Promise<void>;
  /**
   * The mean squares of the parameters' gradients on the first batches of an epoch, as many as the program's options say;
   * nothing is trained.
   */
  measureGradients(table: BatchTable): Promise<Float64Array>;
  /** Milliseconds that `step` has waited for images to be decoded, so far. */
  readonly waitMs: number;
  /** Evaluates the set with this index. Rejects if one of its images cannot be decoded. */
  evaluate(set?: number): Promise<Evaluation>;
  /** Does the same, but resolves when the engine accepts more work. */
  queueEvaluation(set?: number): Promise<QueuedEvaluation>;
}

/** Loads a program into an engine and writes the initial values of all learned values; a teacher has none. */
export async function openSession(
  engine: Engine,
  training: TrainingProgram,
  onProgress?: LoadProgress,
  ranks: Ranks = oneRank,
): Promise<Session> {
  const program = await engine.load(training.plan, onProgress);
  const { variables } = training;
  for (const { view, start } of [...variables.parameters, ...variables.running]) {
    program.write(view.storage.name, start, view.offset);
    const average = averageStorages.get(view.storage.name);
    if (average && training.options.movingAverages) program.write(average, start, view.offset);
  }
  if (variables.table.length) program.write(STORAGE.quantizers, variables.table);
  const { batchSize, shards = 1, momentBatches = 0, gradientBatches = 0 } = training.options;
  const own = shards / ranks.size;
  const scoresOf = await loadScores(training.options.task ?? classification);
  const shardedStep = shards === 1 ? null : await shardedSteps(program, training, ranks);
  let trainingFeed: BatchFeed | null = null;
  let evaluationSets: readonly EvaluationSet[] = [];
  const queued = async (index = 0): Promise<QueuedEvaluation> => {
    const set = evaluationSets[index];
    if (!set) throw new Error(`there is no evaluation set ${index}`);
    // Outputs stay in the rank that computed them, so every rank evaluates all inputs if a score needs the outputs.
    if (ranks.size === 1 || set.score) return queueEvaluation(program, set);
    const { evaluateTogether } = await import('./evaluateTogether.js');
    const evaluation = await evaluateTogether(program, set, ranks);
    return { result: Promise.resolve(evaluation) };
  };
  return {
    program,
    ranks,
    training,
    setTrainingImages: (images) => {
      trainingFeed = batchFeed(program, trainingStorages, images);
    },
    setEvaluationImages: (...sets) => {
      evaluationSets = evaluationSetsOf(program, sets, training.options, scoresOf);
    },
    setBatches: (table, first = 0) => begun(trainingFeed).begin(ownShards(table, batchSize, ranks), first * own),
    step: async (batch) => {
      const feed = begun(trainingFeed);
      return shardedStep ? shardedStep(feed, batch) : wholeStep(program, feed, batch);
    },
    measureMoments: async (table) => {
      const { measureMoments } = await import('./measurements.js');
      const feed = begun(trainingFeed);
      feed.begin(ownShards(table, batchSize, ranks));
      await measureMoments(program, training, feed, Math.min(momentBatches, table.batches), ranks);
    },
    measureGradients: async (table) => {
      const { measureGradients } = await import('./measurements.js');
      const feed = begun(trainingFeed);
      feed.begin(ownShards(table, batchSize, ranks));
      return measureGradients(program, training, feed, Math.min(gradientBatches, table.batches), ranks);
    },
    get waitMs() {
      return trainingFeed?.waitMs ?? 0;
    },
    evaluate: async (index) => {
      const { result } = await queued(index);
      return result;
    },
    queueEvaluation: queued,
  };
}

function evaluationSetsOf(
  program: Program,
  sets: readonly [Images, ...Images[]],
  { batchSize, evaluation }: ProgramOptions,
  scoresOf: ScoresOf | null,
): readonly EvaluationSet[] {
  if (evaluation.type === 'batch') throw new Error('the host writes each batch: there are no sets to evaluate');
  // Resident sets are concatenated.
  const together = areResident(sets) ? batchFeed(program, evaluationStorages, joined(sets)) : null;
  let first = 0;
  return sets.map((images, index): EvaluationSet => {
    const { count } = images;
    const feed = together ?? batchFeed(program, evaluationStorages, images);
    const table = evaluationBatches(count, batchSize, together ? first : 0);
    const part = index === sets.length - 1 ? 'test' : 'validation';
    const score = scoresOf?.(images, evaluation, part) ?? null;
    const set = { count, table, feed, score, first: together ? first : 0 };
    first += count;
    return set;
  });
}

function areResident(
  sets: readonly [Images, ...Images[]],
): sets is readonly [ImageSet<InputArray>, ...ImageSet<InputArray>[]] {
  return !sets.some(isStream);
}

function begun(feed: BatchFeed | null): BatchFeed {
  if (!feed) throw new Error('the images have to be set first');
  return feed;
}

/** Steps shard by shard, whose code is fetched where batches have shards. */
async function shardedSteps(program: Program, training: TrainingProgram, ranks: Ranks) {
  const { shardedStep, shardResults } = await import('./shardedStep.js');
  const results = await shardResults(program, training);
  return (feed: BatchFeed, batch: number) => shardedStep(program, training, results, feed, batch, ranks);
}
