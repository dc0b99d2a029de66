/** An engine by the name the command line uses. Engines are loaded when they are asked for. */

import type { Engine } from './engine.js';
import type { GpuEngineOptions } from './gpu/gpuEngine.js';
import { type MatmulPrecision, withoutEffect } from './matmulPrecision.js';

export type Device = 'auto' | 'cpu' | 'gpu' | 'reference';

export interface EngineOptions {
  /** Of the CPU engine; all that the machine has by default. */
  readonly threads?: number | undefined;
  /** Time every call. */
  readonly profile?: boolean | undefined;
  /** Of the GPU engine: where it keeps the tiles it found fastest on this adapter; without it tiles are fixed. */
  readonly tuningFile?: string | undefined;
  /** Of the operands of convolutions on a GPU's matrix units; the other engines have none. */
  readonly matmulPrecision?: MatmulPrecision | undefined;
}

/**
 * `auto` takes a GPU where there is a real one, else the CPU; where the machine shows no sign of a GPU it does not even
 * look for a driver, which takes time and may write to stderr. `gpu` takes any adapter there is, one that computes on the
 * CPU too: its description says so.
 *
 * @throws {InputError} where `gpu` is asked for and WebGPU offers no adapter
 */
export async function selectEngine(device: Device, options: EngineOptions = {}): Promise<Engine> {
  const { threads, profile = false, tuningFile, matmulPrecision = 'auto' } = options;
  const gpuOptions = { profile, matmulPrecision, ...(tuningFile !== undefined && { tuningFile }) };
  switch (device) {
    case 'auto':
      return (await realGpu(gpuOptions)) ?? selectEngine('cpu', options);
    case 'reference': {
      const { createReferenceEngine } = await import('./reference/index.js');
      return withoutMatrixUnits(createReferenceEngine(), matmulPrecision);
    }
    case 'cpu': {
      const { createCpuEngine } = await import('./cpu/cpuEngine.js');
      return withoutMatrixUnits(await createCpuEngine({ ...(threads && { threads }), profile }), matmulPrecision);
    }
    case 'gpu': {
      const { createGpuEngine } = await import('./gpu/gpuEngine.js');
      return createGpuEngine({ ...gpuOptions, allowSoftware: true });
    }
    default:
      throw new Error(`no such engine: ${device satisfies never}`);
  }
}

function withoutMatrixUnits(engine: Engine, asked: MatmulPrecision): Engine {
  return { ...engine, description: engine.description + withoutEffect(asked) };
}

async function realGpu(options: GpuEngineOptions): Promise<Engine | null> {
  const { createGpuEngine, mayHaveGpu } = await import('./gpu/index.js');
  if (!(await mayHaveGpu())) return null;
  try {
    return await createGpuEngine(options);
  } catch {
    // No adapter, none but software, or no driver at all: the CPU engine serves everybody.
    return null;
  }
}
