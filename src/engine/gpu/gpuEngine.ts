/** The GPU engine: replays a plan on WebGPU, in a browser or through Dawn in Node. */

import type { Engine } from '../engine.js';
import { type DeviceOptions, openDevice } from './device.js';
import { loadProgram } from './gpuProgram.js';

export interface GpuEngineOptions extends DeviceOptions {
  /** Times every kernel, one step at a time, for `Program.profile`. */
  readonly profile?: boolean;
}

/** @throws {InputError} if there is no GPU, or it cannot time kernels and is asked to. */
export async function createGpuEngine(options: GpuEngineOptions = {}): Promise<Engine> {
  const { profile = false } = options;
  const open = await openDevice({ ...options, needs: profile ? ['timestamp-query'] : [] });
  return {
    name: 'gpu',
    description: open.description,
    load: (plan, onProgress) => loadProgram(open, plan, profile, onProgress),
    dispose: async () => open.dispose(),
  };
}
