/** The GPU engine: replays a plan on WebGPU, whose ever that is: a browser's, or Dawn's in Node. */

import type { Engine } from '../engine.js';
import type { MatmulPrecision } from '../matmulPrecision.js';
import { type DeviceOptions, openDevice } from './device.js';
import { loadProgram } from './gpuProgram.js';
import { findMatrixUnits } from './matrixUnits.js';
import type { TuningStore } from './tuning.js';

export interface GpuOptions extends DeviceOptions {
  /** Times every kernel, one step at a time, for `Program.profile`. */
  readonly profile?: boolean;
  /** Precision of the operands of convolutions; `auto` by default. */
  readonly matmulPrecision?: MatmulPrecision;
  /**
   * Tune tiles when a plan is loaded on a real GPU, and remember the best of this adapter there; fixed tiles by
   * default.
   */
  readonly tuningStore?: ((adapter: string) => Promise<TuningStore>) | undefined;
  /** True tunes a software adapter too, where trials take minutes: for tests. */
  readonly tunesSoftware?: boolean;
}

/** @throws {InputError} if there is no GPU, or it cannot time kernels and is asked to. */
export async function openGpuEngine(options: GpuOptions): Promise<Engine> {
  const { profile = false, matmulPrecision = 'auto' } = options;
  const open = await openDevice({ ...options, needs: profile ? ['timestamp-query'] : [] });
  const { units, note } = await findMatrixUnits(open, matmulPrecision);
  const tunes = options.tunesSoftware || !open.isSoftware;
  const tuning = (tunes && (await options.tuningStore?.(open.description))) || null;
  const isFixed = tuning?.save === null ? `, fixed tiles: ${tuning.place} cannot be written` : '';
  open.check();
  return {
    name: 'gpu',
    description: `${open.description}, ${note}${isFixed}`,
    load: async (plan, onProgress) => {
      // Pages keep no tiles, and need not fetch what tries them.
      const choose = tuning
        ? await (await import('./tuning.js')).tune(open, plan, units, tuning, { onProgress })
        : undefined;
      const onCompiled = (done: number, total: number) => onProgress?.('compiling', done, total);
      return loadProgram(open, plan, { profile, matrixUnits: units, choose }, onCompiled);
    },
    dispose: async () => open.dispose(),
  };
}
