/** An engine by the name the command line uses. Engines are loaded when they are asked for. */

import type { Engine } from './engine.js';

export type Device = 'auto' | 'cpu' | 'gpu' | 'reference';

export interface EngineOptions {
  /** Of the CPU engine; all that the machine has by default. */
  readonly threads?: number | undefined;
  /** Time every call. */
  readonly profile?: boolean | undefined;
}

/** `auto` takes the CPU engine. */
export async function selectEngine(device: Device, options: EngineOptions = {}): Promise<Engine> {
  const { threads, profile = false } = options;
  switch (device) {
    case 'reference': {
      const { createReferenceEngine } = await import('./reference/index.js');
      return createReferenceEngine();
    }
    case 'auto':
    case 'cpu': {
      const { createCpuEngine } = await import('./cpu/cpuEngine.js');
      return createCpuEngine({ ...(threads && { threads }), profile });
    }
    case 'gpu': {
      const { createGpuEngine } = await import('./gpu/gpuEngine.js');
      return createGpuEngine({ profile });
    }
    default:
      throw new Error(`no such engine: ${device satisfies never}`);
  }
}
