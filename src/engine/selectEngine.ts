/** An engine in Node, by the name the command line uses. */

import { engineSelector } from './engineSelector.js';

export type { Device, EngineOptions } from './engineSelector.js';

/** @throws {InputError} where `gpu` is asked for and WebGPU offers no adapter */
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
