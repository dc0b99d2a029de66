/** The GPU engine. */
export { type AdapterSummary, listAdapters } from './adapters.js';
export { availableGpu, isSoftware, mayHaveGpu } from './device.js';
export type { GpuEngineOptions } from './gpuEngine.js';
export { createGpuEngine } from './gpuEngine.js';
