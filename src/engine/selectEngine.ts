/** Selects an engine in Node by its name in the settings. */

import { engineSelector } from './engineSelector.js';

/** @throws {InputError} if `gpu` is asked for and WebGPU has no adapter */
export const selectEngine = engineSelector({
  cpu: async (options) => {
    const { createCpuEngine } = await import('./cpu/index.js');
    return createCpuEngine(options);
  },
  gpu: async (options) => {
    const { createGpuEngine } = await import('./gpu/index.js');
    return createGpuEngine(options);
  },
  mayHaveGpu: async () => (await import('./gpu/nodeGpu.js')).mayHaveGpu(),
});
