/** The description of a run's data in config.json, and images whose labels are those of a run. */

import { z } from 'zod';
import type { Images } from '../data/index.js';
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
