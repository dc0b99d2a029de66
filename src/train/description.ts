/**
 * What a file of parameters tells of its network, as texts in its metadata: with it the file alone can be evaluated and
 * predict. Only what decides these numbers, and how they were learned; nothing of where a run took place, so that equal
 * runs give equal files.
 */

import { InputError } from '../errors.js';
import { type Experiment, experimentFromSettings } from '../settings/index.js';
import type { DataShape } from './programOptions.js';

/** What a network takes and tells apart. */
export interface NetworkData extends Pick<DataShape, 'imageShape'> {
  /** In the order of the logits. */
  readonly classes: readonly string[];
}

export interface Description extends NetworkData {
  readonly experiment: Experiment;
}

/** Keys that say where images come from, and where and how a run takes place. */
const ofThePlace: ReadonlySet<string> = new Set([
  ...['data', 'limit_train', 'limit_val', 'image_size', 'stream', 'decode_threads'],
  ...['augment', 'augment_shift', 'augment_mirror', 'select', 'validation_split'],
  ...['device', 'threads', 'matmul_precision', 'out', 'checkpoint_minutes', 'resume', 'weightfile'],
]);

export function describe(experiment: Experiment, { classes, imageShape }: NetworkData): Record<string, string> {
  const settings = Object.entries(experiment.settings).filter(([key]) => !ofThePlace.has(key));
  return {
    experiment: experiment.name,
    settings: JSON.stringify(Object.fromEntries(settings)),
    classes: JSON.stringify(classes),
    image_shape: JSON.stringify(imageShape),
  };
}

/** The description in the metadata of a file called `source`. Throws an `InputError` if it has none, or a broken one. */
export function readDescription(metadata: Readonly<Record<string, string>>, source: string): Description {
  const value = (key: string): unknown => {
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
  const [settings, classes, imageShape] = [value('settings'), value('classes'), value('image_shape')];
  const fault = (key: string) => new InputError(`${source}: damaged, ${key} in its metadata is not what it should be`);
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) throw fault('settings');
  if (!isListOf('string', classes) || classes.length === 0) throw fault('classes');
  if (!isListOf('number', imageShape) || imageShape.length !== 3) throw fault('image_shape');
  const experiment = experimentFromSettings(metadata.experiment ?? 'network', source, { ...settings });
  return { experiment, classes, imageShape: imageShape as [number, number, number] };
}

function isListOf(type: 'string', value: unknown): value is string[];
function isListOf(type: 'number', value: unknown): value is number[];
function isListOf(type: string, value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === type);
}
