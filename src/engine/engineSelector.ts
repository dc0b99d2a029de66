/** Which engine a name of the settings means, from those that Node or a browser has. */

import { MissingPackage } from '../errors.js';
import type { Engine } from './engine.js';
import { type MatmulPrecision, withoutEffect } from './matmulPrecision.js';

export type Device = 'auto' | 'cpu' | 'gpu' | 'reference';

export interface EngineOptions {
  /** Threads of the CPU engine; as many as can compute at a time by default. */
  readonly threads?: number | undefined;
  /** Time every call. */
  readonly profile?: boolean | undefined;
  /**
   * File in which the GPU engine in Node keeps the tiles it found fastest on this adapter; without it tiles are fixed.
   */
  readonly tuningFile?: string | undefined;
  /** Precision of the operands of convolutions on a GPU's matrix units; the other engines have none. */
  readonly matmulPrecision?: MatmulPrecision | undefined;
}

export type SelectEngine = (device: Device, options?: EngineOptions) => Promise<Engine>;

/** The engines of a place. Their code is to be loaded when they are asked for. */
export interface EnginesHere {
  cpu(options: EngineOptions): Promise<Engine>;
  /** Rejects with an `InputError` if there is no GPU, or none but software where that will not do. */
  gpu(options: EngineOptions & { readonly allowSoftware: boolean }): Promise<Engine>;
  /** Tells whether looking for a GPU can find one; loads no driver, which would take time and may write to stderr. */
  mayHaveGpu(): Promise<boolean>;
}

/**
 * `auto` takes a GPU where there is a real one, else the CPU; `gpu` takes any adapter there is, one that computes on
 * the CPU too: its description says so.
 */
export function engineSelector(here: EnginesHere): SelectEngine {
  const cpu = async (options: EngineOptions) => withoutMatrixUnits(await here.cpu(options), options);
  return async (device, options = {}) => {
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
        throw new Error(`no such engine: ${device satisfies never}`);
    }
  };
}

async function realGpu(
  here: EnginesHere,
  options: EngineOptions,
  cpu: (options: EngineOptions) => Promise<Engine>,
): Promise<Engine> {
  try {
    return await here.gpu({ ...options, allowSoftware: false });
  } catch (error) {
    // No adapter, none but software, or no driver at all: the CPU engine serves everybody.
    const engine = await cpu(options);
    if (!(error instanceof MissingPackage)) return engine;
    return { ...engine, description: `${engine.description} (no GPU: ${error.message})` };
  }
}

function withoutMatrixUnits(engine: Engine, { matmulPrecision = 'auto' }: EngineOptions): Engine {
  return { ...engine, description: engine.description + withoutEffect(matmulPrecision) };
}
