/** Evaluation of the integer network by the published runtime, as on a device. */

import { evaluationBatches } from '../data/batches.js';
import { type InputArray, targetLength } from '../data/imageSet.js';
import { type Images, isStream, readAhead } from '../data/imageStream.js';
import { elementLossDefinition } from '../ops/elementLoss.js';
import { softmaxCrossEntropyDefinition } from '../ops/softmaxCrossEntropy.js';
import { loadScores } from '../program/evaluate.js';
import { load } from '../runtime/index.js';
import { checkImages, testImages } from '../ship/checkImages.js';
import { type IntegerNetwork, multiplications, outputsOf } from '../ship/integerNetwork.js';
import { predictionOf } from '../ship/interpreter.js';
import { packNetwork } from '../ship/packedFile.js';
import type { Task } from '../task.js';
import { logitsInOrder } from './integerThreads.js';
import type { TrainedNetwork } from './trainedNetwork.js';

export interface DeployedEvaluation {
  /** The task's metric as an error: fraction of wrong predictions, mean squared error, 1 − AUC, 1 − mean IoU. */
  readonly error: number;
  /** The mean loss. */
  readonly loss: number;
  /** The class of every image; null if outputs are not classes. */
  readonly predictions: Int32Array | null;
}

export interface EvaluationOptions {
  /** The most threads; any number gives the same bits. */
  readonly threads: number;
  readonly onProgress?: (done: number, total: number) => void;
  /** Aborts the evaluation, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Multiply-adds of a block, which a thread computes at a time: 30 ms, so that progress is reported often. */
const blockMacs = 1e9;

/** Multiply-adds in the time that a thread takes to start: 100 ms. */
const startMacs = 3e9;

/** Evaluates the integer network of a trained one. Rejects if one of the images cannot be decoded. */
export async function evaluateDeployed(
  { lowered: { network }, experiment: { task }, scaling }: Pick<TrainedNetwork, 'lowered' | 'experiment' | 'scaling'>,
  images: Images,
  { threads, onProgress, signal }: EvaluationOptions,
): Promise<DeployedEvaluation> {
  const { unit } = outputsOf(network);
  const macs = multiplications(network);
  const predictions = task.loss === 'classes' ? new Int32Array(images.count) : null;
  const scoresOf = await loadScores(task);
  const score = scoresOf?.(images, scaling, 'test')() ?? null;
  let [counted, loss, index] = [0, 0, 0];
  const add = (image: InputArray, logits: Float64Array): void => {
    const outputs = logits.map((logit) => logit * unit);
    if (predictions) predictions[index] = predictionOf(logits);
    const own = lossOf(task, outputs, targetsOf(task, images, image, index, scaling));
    [loss, counted] = [loss + own.loss, counted + own.counted];
    score?.add(outputs, index);
    index++;
  };
  const blocks = blocksOf(images, Math.ceil(blockMacs / macs));
  const worthwhile = Math.ceil((macs * images.count) / startMacs);
  const used = Math.min(threads, worthwhile);
  for await (const { block, logits } of logitsInOrder(packNetwork(network), blocks, used)) {
    signal?.throwIfAborted();
    const count = block.length / sizeOf(images);
    for (let image = 0; image < count; image++) add(part(block, image, count), part(logits, image, count));
    onProgress?.(index, images.count);
  }
  const error = score ? score.error() : counted / images.count;
  return { error, loss: loss / images.count, predictions };
}

/** Integer logits of an export's test images. */
export async function testLogitsOf(network: IntegerNetwork): Promise<number[][]> {
  const { trace } = await load(packNetwork(network));
  return checkImages(network, testImages).map((bytes) => [...trace(bytes, () => {})]);
}

/** The targets of an image: its label, its own values for an autoencoder, or the data's targets. */
function targetsOf(
  { loss, target }: Task,
  images: Images,
  image: InputArray,
  index: number,
  { scale, offset }: TrainedNetwork['scaling'],
): Float64Array {
  if (loss === 'classes') return Float64Array.of(isStream(images) ? images.files[index]!.label : images.labels[index]!);
  const channels = scale.length;
  if (target === 'input')
    return Float64Array.from(image, (value, i) => value * scale[i % channels]! + offset[i % channels]!);
  if (isStream(images) || !images.targets) throw new Error('streamed images have no targets');
  const length = targetLength(images.targets);
  return Float64Array.from(images.targets.values.subarray(index * length, (index + 1) * length));
}

/**
 * The loss of an image, as in training, and the count for its metric. Targets are numbers, or the class of every pixel.
 */
function lossOf({ loss: kind }: Task, outputs: Float64Array, targets: Float64Array) {
  const result = new Float64Array(2);
  switch (kind) {
    case 'classes':
    case 'pixels': {
      const operands = { logits: outputs, labels: Int32Array.from(targets), teacher: null };
      const sizes = { B: targets.length, K: outputs.length / targets.length, 2: 2 };
      softmaxCrossEntropyDefinition.compute(operands, { loss: result }, {}, sizes);
      break;
    }
    case 'values':
    case 'labels': {
      const operands = { outputs, targets, labels: new Int32Array(1) };
      elementLossDefinition.compute(operands, { loss: result }, { kind }, { B: 1, S: outputs.length, 2: 2 });
      break;
    }
    default:
      kind satisfies never;
  }
  const [loss, counted] = result as unknown as [number, number];
  return { loss, counted };
}

/** Images of a stream that are decoded at a time. */
const decodedTogether = 64;

/** Images in order, in blocks of `count`; the memory of a stream's images is reused. */
async function* blocksOf(images: Images, count: number): AsyncGenerator<InputArray> {
  const length = count * sizeOf(images);
  for await (const all of decoded(images)) {
    for (let first = 0; first < all.length; first += length) yield all.subarray(first, first + length);
  }
}

async function* decoded(images: Images): AsyncGenerator<InputArray> {
  if (!isStream(images)) {
    yield images.images;
    return;
  }
  const table = evaluationBatches(images.count, decodedTogether);
  const ahead = readAhead(images, table);
  for (let first = 0; first < images.count; first += decodedTogether) {
    const { images: all } = await ahead.next();
    yield all.subarray(0, Math.min(decodedTogether, images.count - first) * sizeOf(images));
  }
}

/** Number of values of an image. */
function sizeOf({ height, width, channels }: Images): number {
  return height * width * channels;
}

/** Part `index` of `count` equal parts. */
function part<A extends InputArray | Float64Array>(values: A, index: number, count: number): A {
  const length = values.length / count;
  return values.subarray(index * length, (index + 1) * length) as A;
}
