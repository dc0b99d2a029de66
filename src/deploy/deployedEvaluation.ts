/** The integer network on evaluation images, by the runtime that ships: what a device will do. */

import { evaluationBatches } from '../data/batches.js';
import type { InputArray } from '../data/imageSet.js';
import { type Images, isStream, readAhead } from '../data/imageStream.js';
import { load } from '../runtime/index.js';
import { checkImages, testImages } from '../ship/checkImages.js';
import type { IntegerNetwork } from '../ship/integerNetwork.js';
import { predictionOf } from '../ship/interpreter.js';
import { packNetwork } from '../ship/packedFile.js';

export interface DeployedEvaluation {
  /** Fraction of wrong predictions. */
  readonly error: number;
  /** Mean cross-entropy. */
  readonly loss: number;
  /** The class of every image. */
  readonly predictions: Int32Array;
  /** Logits, in whole units, of an export's test images. */
  readonly testLogits: readonly (readonly number[])[];
}

/** Rejects if one of the images cannot be decoded. */
export async function evaluateDeployed(network: IntegerNetwork, images: Images): Promise<DeployedEvaluation> {
  const deployed = await load(packNetwork(network));
  const predictions = new Int32Array(images.count);
  let [wrong, loss, index] = [0, 0, 0];
  for await (const { image, label } of eachImage(images)) {
    const logits = deployed.logits(image);
    const predicted = predictionOf(logits);
    predictions[index++] = predicted;
    if (predicted !== label) wrong++;
    loss += crossEntropy(logits, deployed.unit, label);
  }
  const testLogits = checkImages(network, testImages).map((bytes) => [...deployed.trace(bytes, () => {})]);
  return { error: wrong / images.count, loss: loss / images.count, predictions, testLogits };
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

/** −log softmax at the label, of logits in whole units. */
function crossEntropy(logits: Float64Array, unit: number, label: number): number {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const sum = logits.reduce((total, logit) => total + Math.exp((logit - largest) * unit), 0);
  return Math.log(sum) - (logits[label]! - largest) * unit;
}
