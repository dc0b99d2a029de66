/** Selects an engine by its name in the settings, among those of Node or of a browser. */

import type { Device, MatmulPrecision } from '../device.js';
import { MissingPackage } from '../errors.js';
import type { Engine } from './engine.js';
import { fillingEngine } from './fillingEngine.js';
import { withoutEffect } from './matmulPrecision.js';

export interface EngineOptions {
  /** Threads of the CPU engine; by default as many as can compute at a time. */
  readonly threads?: number | undefined;
  /** Time every call. */
  readonly profile?: boolean | undefined;
  /** File in which the GPU engine in Node keeps the tiles tuned for this adapter; without it tiles are fixed. */
  readonly tuningFile?: string | undefined;
  /** Precision of the operands of convolutions on a GPU's matrix units; the other engines have none. */
  readonly matmulPrecision?: MatmulPrecision | undefined;
}

export type SelectEngine = (device: Device, options?: EngineOptions) => Promise<Engine>;

/** The engines of a platform. Each is loaded when it is asked for. */
export interface EnginesHere {
  cpu(options: EngineOptions): Promise<Engine>;
  /** Rejects with an `InputError` if there is no GPU, or only a software one that is not allowed. */
  gpu(options: EngineOptions & { readonly allowSoftware: boolean }): Promise<Engine>;
  /** Tells whether there may be a GPU, without loading a driver, which takes time and may write to stderr. */
  mayHaveGpu(): Promise<boolean>;
}

/**
 * Makes a function that selects an engine. `auto` takes a real GPU if there is one, else the CPU; `gpu` takes any
 * adapter, also one that computes on the CPU, as its description tells.
 */
export function engineSelector(here: EnginesHere): SelectEngine {
  const cpu = async (options: EngineOptions) => withoutMatrixUnits(await here.cpu(options), options);
  const select = async (device: Device, options: EngineOptions): Promise<Engine> => {
    switch (device) {
      case 'auto':
        return (await here.mayHaveGpu()) ? realGpu(here, options, cpu) : cpu(options);
      case 'reference': {
        const { createReferenceEngine } = await import('./reference/index.js');
        return withoutMatrixUnits(createReferenceEngine(), options);
      }
      case 'cpu':
        return cpu(options);
      case 'gpu':
        return here.gpu({ ...options, allowSoftware: true });
      default:
        return device satisfies never;
    }
  };
  return async (device, options = {}) => fillingEngine(await select(device, options));
}

async function realGpu(
  here: EnginesHere,
  options: EngineOptions,
  cpu: (options: EngineOptions) => Promise<Engine>,
): Promise<Engine> {
  try {
    return await here.gpu({ ...options, allowSoftware: false });
  } catch (error) {
    // No adapter, only a software one, or no driver: the CPU engine works everywhere.
    const engine = await cpu(options);
    if (!(error instanceof MissingPackage)) return engine;
    return { ...engine, description: `${engine.description} (no GPU: ${error.message})` };
  }
}

function withoutMatrixUnits(engine: Engine, { matmulPrecision = 'auto' }: EngineOptions): Engine {
  return { ...engine, description: engine.description + withoutEffect(matmulPrecision) };
}
