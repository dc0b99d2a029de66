/** The CPU engine. */
export type { CpuEngineOptions } from './cpuEngine.js';
export { createCpuEngine } from './cpuEngine.js';
