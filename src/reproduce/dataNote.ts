/** A note on the images of a plan, and whether they are there, before anything is loaded. */

import { existsSync } from 'node:fs';
import type { Experiment } from '../settings/index.js';

/** A sentence about the images of an experiment. */
export function dataNote({ data: { source }, settings }: Experiment): string {
  const named = `images: ${settings.data}`;
  const { kind, location } = source;
  if (location === undefined) {
    const looked = ', looked for in ./data and in the cache, else downloaded';
    return `${named}${kind === 'cifar10' ? looked : ''}`;
  }
  if (existsSync(location)) return named;
  const wanted =
    kind === 'images' ? `a folder with train/CLASS/* and val/CLASS/* (or test/CLASS/*)` : `the files of ${kind}`;
  return `${named}: MISSING, there is no ${location}; wanted is ${wanted}, its place is given with --data ${kind}:DIR`;
}
