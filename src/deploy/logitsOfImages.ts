/** A block of images through the runtime that ships. */

import type { InputArray } from '../data/imageSet.js';
import type { DeployedNetwork } from '../runtime/index.js';

/** The logits, in whole units, of images that lie one behind the other: [images, ...outputs]. */
export function logitsOfImages(
  { logits, inputShape, outputShape }: DeployedNetwork,
  images: InputArray,
): Float64Array<ArrayBuffer> {
  const [inputs, outputs] = [inputShape, outputShape].map((shape) =>
    shape.reduce((product, size) => product * size, 1),
  );
  const count = images.length / inputs!;
  const all = new Float64Array(count * outputs!);
  for (let image = 0; image < count; image++) {
    all.set(logits(images.subarray(image * inputs!, (image + 1) * inputs!)), image * outputs!);
  }
  return all;
}
