/** Options that several commands share. */

import { InvalidArgumentError, Option } from 'commander';
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
