/** Options that several commands share. */

import { join } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import { cacheFolder } from '../cacheFolder.js';
import type { Device } from '../engine/selectEngine.js';

export function deviceOption(fallback: Device): Option {
  return new Option('--device <name>', 'engine').choices(['auto', 'cpu', 'gpu', 'reference']).default(fallback);
}

export function threadsOption(): Option {
  return new Option('--threads <n>', 'threads of the CPU engine').argParser((text) => {
    const threads = Number(text);
    if (!Number.isInteger(threads) || threads < 1) throw new InvalidArgumentError('give a whole number from 1 on');
    return threads;
  });
}

/** Commander sets `autotune` to false where the option is given. */
export function autotuneOption(): Option {
  return new Option('--no-autotune', 'take fixed tiles on a GPU instead of the fastest found');
}

/** Where the GPU engine remembers tiles; undefined for fixed ones. */
export function tuningFile(autotune: boolean): string | undefined {
  return autotune ? join(cacheFolder(), 'gpu-tiles.json') : undefined;
}
