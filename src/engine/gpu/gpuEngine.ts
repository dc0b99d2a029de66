/** The GPU engine: replays a plan on WebGPU, in a browser or through Dawn in Node. */

import type { Plan } from '../../graph/plan.js';
import type { Engine } from '../engine.js';
import type { MatmulPrecision } from '../matmulPrecision.js';
import { type DeviceOptions, type OpenDevice, openDevice } from './device.js';
import { loadProgram } from './gpuProgram.js';
import type { MatrixUnits } from './kernel.js';
import { findMatrixUnits } from './matrixUnits.js';
import type { TileChoice } from './placement.js';
import { tune } from './tuning.js';

export interface GpuEngineOptions extends DeviceOptions {
  /** Times every kernel, one step at a time, for `Program.profile`. */
  readonly profile?: boolean;
  /** Of the operands of convolutions; `auto` by default. */
  readonly matmulPrecision?: MatmulPrecision;
  /** Tune tiles when a plan is loaded on a real GPU, and remember the best in this JSON file (Node only); fixed tiles by default. */
  readonly tuningFile?: string;
  /** Whether to tune a software adapter too, where trials take minutes: for tests. */
  readonly tunesSoftware?: boolean;
}

/** @throws {InputError} if there is no GPU, or it cannot time kernels and is asked to. */
export async function createGpuEngine(options: GpuEngineOptions = {}): Promise<Engine> {
  const { profile = false, matmulPrecision = 'auto' } = options;
  const open = await openDevice({ ...options, needs: profile ? ['timestamp-query'] : [] });
  const { units, note } = await findMatrixUnits(open, matmulPrecision);
  open.check();
  return {
    name: 'gpu',
    description: `${open.description}, ${note}`,
    load: async (plan, onProgress) => {
      const choose =
        options.tuningFile && (!open.isSoftware || options.tunesSoftware)
          ? await tuned(open, plan, units, options.tuningFile)
          : undefined;
      return loadProgram(open, plan, { profile, matrixUnits: units, choose }, onProgress);
    },
    dispose: async () => open.dispose(),
  };
}

async function tuned(open: OpenDevice, plan: Plan, units: MatrixUnits | null, path: string): Promise<TileChoice> {
  const { tuningFile } = await import('./tuningFile.js');
  return tune(open, plan, units, tuningFile(path, open.description));
}
