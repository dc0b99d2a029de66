/** Evaluation of the current parameters: the loss, and the task's metric as an error. */

import type { BatchTable } from '../data/batches.js';
import type { Images } from '../data/imageStream.js';
import type { Program, StorageArray } from '../engine/engine.js';
import { STORAGE } from '../nn/index.js';
import { METRICS, METRICS_LENGTH } from '../ops/attributes.js';
import type { Task } from '../task.js';
import type { BatchFeed } from './batchFeed.js';
import type { EvaluatedPart, Scaling, Score } from './score.js';

export interface Evaluation {
  /**
   * The error: for classes the fraction of wrong predictions; for other tasks the mean squared error, 1 − AUC, or 1 −
   * mean IoU.
   */
  readonly error: number;
  /** Mean of the loss. */
  readonly loss: number;
}

/** One of the sets of evaluation images. */
export interface EvaluationSet {
  readonly count: number;
  /** The set's images among those of the feed, in batches. */
  readonly table: BatchTable;
  readonly feed: BatchFeed;
  /** Makes a new score of the set, if its metric needs the outputs. Image 0 is the feed's `first`. */
  readonly score?: (() => Score) | null | undefined;
  readonly first?: number;
}

/** Makes a function that makes scores of a set; throws what `scoreOf` throws. */
export type ScoresOf = (images: Images, scaling: Scaling, part: EvaluatedPart) => () => Score;

/**
 * Loads what makes the scores of sets; `null` if the engine counts everything that the metric needs, so that a page that
 * tells classes does not fetch it.
 */
export async function loadScores({ metric, target }: Task): Promise<ScoresOf | null> {
  if (metric === 'error' || metric === 'mse') return null;
  const { scoreOf } = await import('./score.js');
  return (images, scaling, part) => scoreOf({ metric, target }, images, scaling, part);
}

/** Callbacks during an evaluation. */
interface EvaluationEvents {
  /** Awaited after each batch. */
  readonly afterBatch?: (batch: number) => Promise<void>;
  /** Called with the outputs of each image of the set, in order. */
  readonly visit?: OutputsVisitor | undefined;
}

/** `image`: index in the set. */
type OutputsVisitor = (outputs: StorageArray, image: number) => void;

/** An evaluation whose batches the engine has accepted; it may not be done with them. */
export interface QueuedEvaluation {
  readonly result: Promise<Evaluation>;
}

/** Evaluates every image of the set once. Rejects if an image cannot be decoded. */
export async function evaluate(
  program: Program,
  set: EvaluationSet,
  events: EvaluationEvents = {},
): Promise<Evaluation> {
  const { result } = await queueEvaluation(program, set, events);
  return result;
}

/** Queues the evaluation of every image of the set. Rejects if an image cannot be decoded. */
export async function queueEvaluation(
  program: Program,
  { count, table, feed, score: begin, first = 0 }: EvaluationSet,
  { afterBatch, visit }: EvaluationEvents = {},
): Promise<QueuedEvaluation> {
  feed.begin(table);
  const score = begin?.();
  program.write(STORAGE.evaluationMetrics, new Float64Array(METRICS_LENGTH));
  for (let batch = 0; batch < table.batches; batch++) {
    await feed.use(batch);
    await program.run('evaluate');
    if (score || visit) {
      eachImage(await program.read(STORAGE.logits), table, batch, (outputs, image) => {
        score?.add(outputs, image - first);
        visit?.(outputs, image - first);
      });
    }
    await afterBatch?.(batch);
  }
  const result = program.read(STORAGE.evaluationMetrics).then((metrics) => {
    const counted = evaluationOf(metrics[METRICS.wrong]!, metrics[METRICS.loss1]!, count, table.batchSize);
    return score ? { ...counted, error: score.error() } : counted;
  });
  // Whoever asks for the result gets the error.
  result.catch(() => {});
  return { result };
}

function eachImage(outputs: StorageArray, table: BatchTable, batch: number, visit: OutputsVisitor): void {
  const { batchSize, entries } = table;
  const length = outputs.length / batchSize;
  for (let place = 0; place < batchSize; place++) {
    const image = entries[2 * (batch * batchSize + place)]!;
    if (image >= 0) visit(outputs.subarray(place * length, (place + 1) * length), image);
  }
}

/** `loss`: sum over the batches of the sum of losses in the batch divided by the batch size; padding is not counted. */
export function evaluationOf(wrong: number, loss: number, count: number, batchSize: number): Evaluation {
  return { error: wrong / count, loss: (loss * batchSize) / count };
}
