/** Computes a block of images by the published runtime. */

import type { InputArray } from '../data/imageSet.js';
import { elementCount } from '../graph/index.js';
import type { DeployedNetwork } from '../runtime/index.js';

/** The integer logits of images that are stored one after another: [images, ...outputs]. */
export function logitsOfImages(
  { logits, inputShape, outputShape }: DeployedNetwork,
  images: InputArray,
): Float64Array<ArrayBuffer> {
  const [inputs, outputs] = [elementCount(inputShape), elementCount(outputShape)];
  const count = images.length / inputs;
  const all = new Float64Array(count * outputs);
  for (let image = 0; image < count; image++) {
    all.set(logits(images.subarray(image * inputs, (image + 1) * inputs)), image * outputs);
  }
  return all;
}
