/** The GPU engine in Node. */
import type { Engine } from '../engine.js';
import { type GpuOptions, openGpuEngine } from './gpuEngine.js';
import { availableGpu } from './nodeGpu.js';
import { tuningFile } from './tuningFile.js';

export { listAdapters } from './adapters.js';

export interface GpuEngineOptions extends Omit<GpuOptions, 'gpu' | 'tuningStore'> {
  /** Dawn's own by default. */
  readonly gpu?: GPU;
  /** Tune tiles when a plan is loaded on a real GPU, and remember the best in this JSON file; fixed tiles by default. */
  readonly tuningFile?: string;
}

/** @throws {InputError} if there is no GPU, or it cannot time kernels and is asked to. */
export async function createGpuEngine({ gpu, tuningFile: path, ...options }: GpuEngineOptions = {}): Promise<Engine> {
  const tuningStore = path === undefined ? undefined : (adapter: string) => tuningFile(path, adapter);
  return openGpuEngine({ ...options, gpu: gpu ?? (await availableGpu()), tuningStore });
}
