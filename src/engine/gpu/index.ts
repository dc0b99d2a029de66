/** The GPU engine. */
export { availableGpu, isSoftware } from './device.js';
export type { GpuEngineOptions } from './gpuEngine.js';
export { createGpuEngine } from './gpuEngine.js';
