/** Images of MNIST beside the repository, as arrays and as a folder of PNG files that a user could drop. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { joined, type Labelled } from '../../site/images/drawings.js';
import { png } from '../../src/disk/png.js';
import type { TrainingData } from '../../src/library/train.js';

const folder = resolve('../shared/data/mnist');
/** Tells whether the images are there; they are not part of the repository. */
export const hasMnist = existsSync(folder);

const SIDE = 28;
const [IMAGE_HEADER, LABEL_HEADER] = [16, 8];
const classes = [...'0123456789'];

/** Class by class, each in the order of the file, on three channels. */
function firstImages(prefix: string, count: number): Labelled[] {
  const read = (name: string) => gunzipSync(readFileSync(join(folder, `${prefix}-${name}.gz`)));
  const images = read('images-idx3-ubyte').subarray(IMAGE_HEADER);
  const labels = read('labels-idx1-ubyte').subarray(LABEL_HEADER);
  const all = Array.from({ length: count }, (_, index) => {
    const grey = images.subarray(index * SIDE * SIDE, (index + 1) * SIDE * SIDE);
    return {
      image: Uint8Array.from({ length: 3 * grey.length }, (_, at) => grey[Math.floor(at / 3)]!),
      label: labels[index]!,
    };
  });
  return classes.flatMap((_, label) => all.filter((one) => one.label === label));
}

/**
 * So many images to train on and to test with, as arrays, and in a folder below `target` with `train/CLASS` and
 * `test/CLASS`.
 */
export function mnistFolder(target: string, train: number, test: number): { data: TrainingData; folder: string } {
  const sets = { train: firstImages('train', train), test: firstImages('t10k', test) };
  for (const [set, all] of Object.entries(sets)) {
    for (const name of classes) mkdirSync(join(target, set, name), { recursive: true });
    for (const [index, { image, label }] of all.entries()) {
      // Names sort as numbers do.
      const file = join(target, set, classes[label]!, `${String(index).padStart(5, '0')}.png`);
      writeFileSync(file, png(image, [SIDE, SIDE, 3]));
    }
  }
  const shape = { height: SIDE, width: SIDE, channels: 3, classes };
  return { data: { ...shape, train: joined(sets.train), test: joined(sets.test) }, folder: target };
}
