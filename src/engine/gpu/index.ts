/** The GPU engine in Node. */
import type { Engine } from '../engine.js';
import { type GpuOptions, openGpuEngine } from './gpuEngine.js';
import { availableGpu, idleHost } from './nodeGpu.js';
import { tuningFile } from './tuningFile.js';

export { listAdapters } from './adapters.js';

export interface GpuEngineOptions extends Omit<GpuOptions, 'gpu' | 'tuningStore'> {
  /** Dawn by default. */
  readonly gpu?: GPU;
  /**
   * Tune tiles when a plan is loaded on a real GPU, and keep the best ones in this JSON file; by default tiles are
   * fixed.
   */
  readonly tuningFile?: string | undefined;
}

/** @throws {InputError} if there is no GPU, or if it has to time kernels and cannot. */
export async function createGpuEngine({ gpu, tuningFile: path, ...options }: GpuEngineOptions = {}): Promise<Engine> {
  const tuningStore = path === undefined ? undefined : (adapter: string) => tuningFile(path, adapter);
  return openGpuEngine({ idleHost, ...options, gpu: gpu ?? (await availableGpu()), tuningStore });
}
