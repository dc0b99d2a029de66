/** Selects an engine in a browser by its name in the settings. */

import { InputError } from '../errors.js';
import { engineSelector } from './engineSelector.js';

/** @throws {InputError} if `gpu` is asked for without WebGPU, or more threads than possible */
export const selectBrowserEngine = engineSelector({
  cpu: async (options) => {
    const [{ openCpuEngine }, { browserPlatform }] = await Promise.all([
      import('./cpu/cpuEngine.js'),
      import('./cpu/browserPlatform.js'),
    ]);
    return openCpuEngine(browserPlatform, options);
  },
  gpu: async (options) => {
    const gpu = browserGpu();
    if (!gpu) {
      throw new InputError('no GPU found: no WebGPU in this browser, or a page without https; use device = cpu');
    }
    const { openGpuEngine } = await import('./gpu/gpuEngine.js');
    return openGpuEngine({ gpu, ...options });
  },
  mayHaveGpu: async () => browserGpu() !== undefined,
});

function browserGpu(): GPU | undefined {
  return (navigator as Partial<Navigator>).gpu;
}
