/** The integer network on evaluation images, by the runtime that ships: what a device will do. */

import { evaluationBatches } from '../data/batches.js';
import { type InputArray, targetLength } from '../data/imageSet.js';
import { type Images, isStream, readAhead } from '../data/imageStream.js';
import { elementLossDefinition } from '../ops/elementLoss.js';
import { softmaxCrossEntropyDefinition } from '../ops/softmaxCrossEntropy.js';
import { scoreOf } from '../program/score.js';
import { load } from '../runtime/index.js';
import { checkImages, testImages } from '../ship/checkImages.js';
import { predictionOf } from '../ship/interpreter.js';
import { packNetwork } from '../ship/packedFile.js';
import type { Task } from '../task.js';
import type { TrainedNetwork } from './trainedNetwork.js';

export interface DeployedEvaluation {
  /** By the task's metric: the fraction of wrong predictions, the mean squared error, 1 − AUC, 1 − mean IoU. */
  readonly error: number;
  /** The mean loss. */
  readonly loss: number;
  /** The class of every image; null where outputs are no classes. */
  readonly predictions: Int32Array | null;
  /** Logits, in whole units, of an export's test images. */
  readonly testLogits: readonly (readonly number[])[];
}

/** The evaluation of a trained network's integers; rejects if one of the images cannot be decoded. */
export async function evaluateDeployed(
  { lowered: { network }, experiment: { task }, scaling }: Pick<TrainedNetwork, 'lowered' | 'experiment' | 'scaling'>,
  images: Images,
): Promise<DeployedEvaluation> {
  const deployed = await load(packNetwork(network));
  const predictions = task.loss === 'classes' ? new Int32Array(images.count) : null;
  const score = scoreOf(task, images, scaling)?.() ?? null;
  let [counted, loss, index] = [0, 0, 0];
  for await (const { image, label } of eachImage(images)) {
    const logits = deployed.logits(image);
    const outputs = logits.map((logit) => logit * deployed.unit);
    if (predictions) predictions[index] = predictionOf(logits);
    const targets = predictions ? Float64Array.of(label) : targetsOf(task, images, image, index, scaling);
    const own = lossOf(task, outputs, targets);
    [loss, counted] = [loss + own.loss, counted + own.counted];
    score?.add(outputs, index);
    index++;
  }
  const testLogits = checkImages(network, testImages).map((bytes) => [...deployed.trace(bytes, () => {})]);
  const error = score ? score.error() : counted / images.count;
  return { error, loss: loss / images.count, predictions, testLogits };
}

/** What the outputs of an image are held against: its own numbers, or those that the data have for it. */
function targetsOf(
  { target }: Task,
  images: Images,
  image: InputArray,
  index: number,
  { scale, offset }: TrainedNetwork['scaling'],
): Float64Array {
  const channels = scale.length;
  if (target === 'input')
    return Float64Array.from(image, (value, i) => value * scale[i % channels]! + offset[i % channels]!);
  if (isStream(images) || !images.targets) throw new Error('streamed images have no targets');
  const length = targetLength(images.targets);
  return Float64Array.from(images.targets.values.subarray(index * length, (index + 1) * length));
}

/** The loss of an image, as training has it, and what its metric counts; targets are numbers, or the class of every pixel. */
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

/** Images of a stream are decoded so many at a time. */
const decodedTogether = 64;

async function* eachImage(images: Images): AsyncGenerator<{ image: InputArray; label: number }> {
  const size = images.height * images.width * images.channels;
  const at = (all: InputArray, index: number) => all.subarray(index * size, (index + 1) * size);
  if (!isStream(images)) {
    for (let index = 0; index < images.count; index++) {
      yield { image: at(images.images, index), label: images.labels[index]! };
    }
    return;
  }
  const table = evaluationBatches(images.count, decodedTogether);
  const ahead = readAhead(images, table);
  for (let batch = 0; batch < table.batches; batch++) {
    const decoded = await ahead.next();
    const count = Math.min(decodedTogether, images.count - batch * decodedTogether);
    for (let index = 0; index < count; index++) {
      yield { image: at(decoded.images, index), label: decoded.labels[index]! };
    }
  }
}
