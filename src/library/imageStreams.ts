/** Images that are read when they are needed, as a stream. */

import type { ImageStream } from '../data/imageStream.js';
import { InputError } from '../errors.js';
import type { Task } from '../task.js';
import { checkedLabels, checkShape, type ImageShape, type ImageSource } from './imageArrays.js';

/**
 * The image stream of a source.
 *
 * @throws InputError that begins with `what` for sizes, labels or a loss that it cannot have
 */
export function imageStream(
  { labels, read }: ImageSource,
  shape: ImageShape,
  classes: number,
  what: string,
  { loss }: Task,
): ImageStream {
  checkShape(shape, what);
  if (loss !== 'classes') throw new InputError(`${what}: loss = ${loss}: images to read have classes; give arrays`);
  if (labels.length === 0) throw new InputError(`${what}: has no labels, as many as there are images are right`);
  const files = Array.from(checkedLabels(labels, classes, what), (label, index) => ({
    ...{ file: `${index}`, name: `${what}[${index}]`, label, bytes: 0, modifiedMs: 0 },
  }));
  const decoders = {
    threads: 1,
    measure: async () => shape,
    decode: async (file: string, _framing: unknown, target: Uint8Array) => {
      try {
        await read(Number(file), target);
      } catch (cause) {
        throw new Error(`${what}: image ${file}: ${cause instanceof Error ? cause.message : cause}`, { cause });
      }
      return shape;
    },
    close: async () => {},
  };
  return { ...shape, files, count: files.length, framing: 'fill', sizes: null, decoders };
}
