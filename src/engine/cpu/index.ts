/** The CPU engine. */
export type { CpuEngine, CpuEngineOptions, CpuProgram, ProfileEntry } from './cpuEngine.js';
export { createCpuEngine } from './cpuEngine.js';
