/** Selects an engine in Node by its name in the settings. */

import { engineSelector } from './engineSelector.js';

/** @throws {InputError} if `gpu` is asked for and WebGPU has no adapter */
export const selectEngine = engineSelector({
  cpu: async ({ threads, profile = false }) => {
    const { createCpuEngine } = await import('./cpu/index.js');
    return createCpuEngine({ ...(threads && { threads }), profile });
  },
  gpu: async ({ profile = false, matmulPrecision = 'auto', tuningFile, allowSoftware }) => {
    const { createGpuEngine } = await import('./gpu/index.js');
    return createGpuEngine({
      profile,
      matmulPrecision,
      allowSoftware,
      ...(tuningFile !== undefined && { tuningFile }),
    });
  },
  mayHaveGpu: async () => (await import('./gpu/nodeGpu.js')).mayHaveGpu(),
});
