/** The CPU engine in Node. */
import type { Engine } from '../engine.js';
import { type CpuEngineOptions, openCpuEngine } from './cpuEngine.js';
import { nodePlatform } from './nodePlatform.js';

export type { CpuEngineOptions } from './cpuEngine.js';

/** @throws InputError if the thread count is not an integer from 1 to 256 */
export function createCpuEngine(options: CpuEngineOptions = {}): Promise<Engine> {
  return openCpuEngine(nodePlatform, options);
}
