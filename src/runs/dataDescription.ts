/** Comparison of a run's data with the present ones, by their descriptions. */

import { z } from 'zod';
import type { Features, Images } from '../data/index.js';
import { InputError } from '../errors.js';
import type { DataDescription } from '../train/dataDescription.js';

const columnFeatures = z.object({ of: z.literal('columns'), names: z.array(z.string()).readonly() });

const soundFeatures = z.object({
  of: z.literal('sound'),
  kind: z.enum(['mfcc', 'log_mel']),
  sampleRate: z.number(),
  samples: z.int(),
  window: z.int(),
  hop: z.int(),
  fft: z.int(),
  melBands: z.int(),
  lowHz: z.number(),
  highHz: z.number(),
  coefficients: z.int(),
  step: z.number(),
  zero: z.int(),
});

/** The description of data in config.json. */
export const dataSchema = z.object({
  classes: z.array(z.string()).readonly(),
  image: z.tuple([z.int(), z.int(), z.int()]).readonly(),
  targets: z.array(z.int()).readonly().optional(),
  features: z.discriminatedUnion('of', [columnFeatures, soundFeatures]).optional(),
  // Runs of earlier versions all have bytes.
  values: z.enum(['bytes', 'floats']).default('bytes'),
  scale: z.array(z.number()).readonly(),
  offset: z.array(z.number()).readonly(),
  fingerprints: z.object({ train: z.string(), validation: z.string().nullable(), test: z.string() }).readonly(),
}) satisfies z.ZodType<DataDescription>;

/** The first difference in words, such as `class 2 was 'blue', now it is 'sky'`; `null` for none. */
export function dataDifference(then: DataDescription, now: DataDescription): string | null {
  return (
    inputDifference(then, now) ??
    difference('scales of pixels', then.scale.join(), now.scale.join()) ??
    difference('offsets of pixels', then.offset.join(), now.offset.join()) ??
    imageDifference('training images', then.fingerprints.train, now.fingerprints.train) ??
    imageDifference('validation images', then.fingerprints.validation, now.fingerprints.validation) ??
    imageDifference('test images', then.fingerprints.test, now.fingerprints.test)
  );
}

/** The first difference in inputs and outputs of a network, whatever their normalisation; `null` for none. */
export function inputDifference(then: DataDescription, now: DataDescription): string | null {
  return (
    classDifference(then.classes, now.classes) ??
    difference('images', then.image.join('x'), now.image.join('x')) ??
    difference('targets', String(then.targets?.join('x')), String(now.targets?.join('x'))) ??
    featureDifference(then.features, now.features) ??
    difference('values', then.values, now.values)
  );
}

/** The difference between features in words; `null` for none. */
export function featureDifference(then: Features | undefined, now: Features | undefined): string | null {
  return difference('features', JSON.stringify(then ?? null), JSON.stringify(now ?? null));
}

/** The difference between two fingerprints of `what` in words; `null` for none. */
export function imageDifference(what: string, then: string | null, now: string | null): string | null {
  return then === now ? null : `the ${what} are others (fingerprint ${then}, now ${now})`;
}

function difference(what: string, then: string, now: string): string | null {
  return then === now ? null : `${what} were ${then}, now they are ${now}`;
}

function classDifference(then: readonly string[], now: readonly string[]): string | null {
  const changed = then.findIndex((name, label) => now[label] !== name);
  if (then.length !== now.length) return `there were ${then.length} classes, now there are ${now.length}`;
  const why = areSameClasses(then, now) ? ', since the order of the classes has changed' : '';
  return changed < 0 ? null : `class ${changed} was '${then[changed]}', now it is '${now[changed]}'${why}`;
}

/** Tells whether the classes are the same, in whatever order. */
export function areSameClasses(then: readonly string[], now: readonly string[]): boolean {
  return then.toSorted().join('\n') === now.toSorted().join('\n');
}

/**
 * The images with their labels as indices into `classes`, the names with which a network was trained, instead of into
 * `own`: classes are matched by name. Some classes may have no images. For targets other than classes, the names must
 * be equal.
 *
 * @throws InputError for a class of `own` that the network does not know, and for other outputs; `source`: name of the
 *   images in it
 */
export function relabelled<T extends Images>(
  images: T,
  own: readonly string[],
  classes: readonly string[],
  source: string,
): T;
export function relabelled(images: Images, own: readonly string[], classes: readonly string[], source: string): Images {
  if (own.join('\n') === classes.join('\n')) return images;
  const labels = own.map((name) => classes.indexOf(name));
  if (!('files' in images) && images.targets) {
    throw new InputError(`${source}: outputs are called ${listed(own)}, those of the run ${listed(classes)}`);
  }
  const strange = own.find((_, label) => labels[label] === -1);
  if (strange !== undefined) {
    throw new InputError(`${source}: class '${strange}' is none of those that the run knows: ${listed(classes)}`);
  }
  if ('files' in images) {
    return { ...images, files: images.files.map((file) => ({ ...file, label: labels[file.label]! })) };
  }
  return { ...images, labels: images.labels.map((label) => labels[label]!) };
}

/** The first of many names. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(', ');
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
