/**
 * Description of the network in a file of parameters, as texts in its metadata: with it the file alone suffices for
 * evaluation and prediction. It contains only what the numbers and their training depend on, nothing about the place of
 * the run, so that equal runs give equal files.
 */

import { InputError } from '../errors.js';
import { readDefinition } from '../nn/index.js';
import { type Experiment, experimentOfRun, soundKeys, withDefinition } from '../settings/index.js';
import type { DataDescription } from './dataDescription.js';

export interface Description {
  /** The experiment, with the settings on which the network's computation depends. */
  readonly experiment: Experiment;
  readonly data: DataDescription;
}

/** Keys about the place of images, and about place, length and speed of a run. */
const ofThePlace: ReadonlySet<string> = new Set([
  ...['data', 'limit_train', 'limit_val', 'image_size', 'stream', 'decode_threads'],
  ...['augment', 'augment_shift', 'augment_mirror', 'select', 'validation_split'],
  ...soundKeys,
  // A run that was extended equals one that was longer from the start.
  'epochs',
  ...['device', 'threads', 'matmul_precision', 'out', 'name', 'checkpoint_minutes', 'tensorboard'],
  ...['resume', 'weightfile'],
]);

/** The texts for the metadata of a file of parameters. */
export function describe(experiment: Experiment, data: DataDescription): Record<string, string> {
  const settings = Object.entries(experiment.settings).filter(([key]) => !ofThePlace.has(key));
  return {
    experiment: experiment.name,
    settings: JSON.stringify(Object.fromEntries(settings)),
    data: JSON.stringify(data),
    ...(experiment.network.definition && { definition: JSON.stringify(experiment.network.definition) }),
  };
}

/**
 * The description in the metadata of a file called `source`.
 *
 * @throws InputError if there is none or if it is broken
 */
export function readDescription(metadata: Readonly<Record<string, string>>, source: string): Description {
  const value = (key: 'settings' | 'data' | 'definition'): unknown => {
    const text = metadata[key];
    if (text === undefined) {
      throw new InputError(`${source}: does not say which network it belongs to (no ${key} in its metadata)`);
    }
    try {
      return JSON.parse(text);
    } catch {
      throw new InputError(`${source}: damaged, ${key} in its metadata is no JSON`);
    }
  };
  const [settings, data] = [value('settings'), value('data')];
  if (typeof settings !== 'object' || settings === null || !isDataDescription(data)) {
    throw new InputError(`${source}: damaged, its metadata do not describe a network`);
  }
  const experiment = experimentOfRun(metadata.experiment ?? 'network', source, { ...settings });
  // Files of earlier versions belong to networks for bytes.
  const whole = { ...data, values: data.values ?? 'bytes' };
  if (metadata.definition === undefined) return { experiment, data: whole };
  return { experiment: withDefinition(experiment, readDefinition(value('definition'), source)), data: whole };
}

/** Checks what prediction depends on. */
function isDataDescription(value: unknown): value is DataDescription {
  const { classes, image, scale, offset, targets = [], values = 'bytes' } = (value ?? {}) as Partial<DataDescription>;
  const isName = (name: unknown) => typeof name === 'string';
  const isSize = (size: unknown) => Number.isSafeInteger(size) && Number(size) >= 1;
  const areNumbers = (list: unknown) =>
    Array.isArray(list) && list.length === image?.[2] && list.every(Number.isFinite);
  return (
    Array.isArray(classes) &&
    classes.every(isName) &&
    Array.isArray(image) &&
    image.length === 3 &&
    image.every(isSize) &&
    Array.isArray(targets) &&
    targets.every(isSize) &&
    areNumbers(scale) &&
    areNumbers(offset) &&
    (values === 'bytes' || values === 'floats')
  );
}
