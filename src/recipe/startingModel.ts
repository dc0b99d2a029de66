/** Recognition of the network that a file of parameters belongs to. */

import { InputError } from '../errors.js';
import { quantizableTensors } from '../nn/index.js';
import { type ModelName, modelNames } from '../settings/index.js';
import type { LoadedWeights } from '../weights/index.js';

/**
 * The model whose weights all have their names in the file, except for a head of other classes; of several the one with
 * the most weights, since the names of a shallow ResNet are among those of a deeper one.
 *
 * @throws InputError if there is none
 */
export function modelOfWeights({ names, source }: Pick<LoadedWeights, 'names' | 'source'>): ModelName {
  const given = new Set(names);
  const fitting = modelNames.flatMap((model) => {
    const own = weightNames(model);
    return own.every((name) => given.has(name)) ? [{ model, count: own.length }] : [];
  });
  const [best] = fitting.sort((a, b) => b.count - a.count);
  if (best) return best.model;
  throw new InputError(
    `${source}: holds the parameters of none of ${modelNames.join(', ')}; name its network: --model`,
  );
}

function weightNames(model: ModelName): string[] {
  const options = { model, classes: 10, shortcutType: '', scaleLayer: false, widthMultiplier: 1 } as const;
  const tensors = quantizableTensors(options, [32, 32, 3]);
  return tensors.flatMap(({ name, role }) => (role === 'weight' ? [name] : []));
}
