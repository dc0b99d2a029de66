/** The CPU engine in Node. */
import { InputError } from '../../errors.js';
import type { Engine } from '../engine.js';
import { type CpuEngineOptions, LARGEST_THREADS, openCpuEngine } from './cpuEngine.js';
import { nodePlatform } from './nodePlatform.js';

export type { CpuEngineOptions } from './cpuEngine.js';

/** @throws InputError if the thread count is not an integer from 1 to 256 */
export async function createCpuEngine(options: CpuEngineOptions = {}): Promise<Engine> {
  const { threads = 1 } = options;
  if (!(Number.isInteger(threads) && threads >= 1 && threads <= LARGEST_THREADS)) {
    throw new InputError(`threads ${threads}: give a whole number from 1 to ${LARGEST_THREADS}`);
  }
  return openCpuEngine(nodePlatform, options);
}
