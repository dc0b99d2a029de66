/** The GPU engine: replays a plan on WebGPU, that of a browser or Dawn in Node. */

import type { MatmulPrecision } from '../../device.js';
import type { Plan } from '../../graph/plan.js';
import type { Engine, LoadProgress } from '../engine.js';
import { type DeviceOptions, openDevice } from './device.js';
import { loadPrograms } from './gpuProgram.js';
import { findMatrixUnits } from './matrixUnits.js';
import type { IdleHost } from './staging.js';
import type { TuningStore } from './tuning.js';

export interface GpuOptions extends DeviceOptions {
  /** Time every kernel, one step at a time, for `Program.profile`. */
  readonly profile?: boolean | undefined;
  /** Precision of the operands of convolutions; `auto` by default. */
  readonly matmulPrecision?: MatmulPrecision | undefined;
  /**
   * Tune tiles when a plan is loaded on a real GPU, and keep the best ones for this adapter in the store; by default
   * tiles are fixed.
   */
  readonly tuningStore?: ((adapter: string) => Promise<TuningStore>) | undefined;
  /** The host while it waits for results; by default it does nothing but ask for them. */
  readonly idleHost?: IdleHost;
  /** True to tune a software adapter too, which takes minutes; for tests. */
  readonly tunesSoftware?: boolean;
}

/** @throws {InputError} if there is no GPU, or if it has to time kernels and cannot. */
export async function openGpuEngine(options: GpuOptions): Promise<Engine> {
  const { profile = false, matmulPrecision = 'auto' } = options;
  const open = await openDevice({ ...options, needs: profile ? ['timestamp-query'] : [] });
  const { units, note } = await findMatrixUnits(open, matmulPrecision);
  const tunes = options.tunesSoftware || !open.isSoftware;
  const tuning = (tunes && (await options.tuningStore?.(open.description))) || null;
  const isFixed = tuning?.save === null ? `, fixed tiles: ${tuning.place} cannot be written` : '';
  open.check();
  const choiceFor = async (plan: Plan, onProgress: LoadProgress | undefined) =>
    // Pages keep no tiles, and need not fetch the tuner.
    tuning ? (await import('./tuning.js')).tune(open, plan, units, tuning, { onProgress }) : undefined;
  const loadAlike = async (plans: readonly [Plan, ...Plan[]], onProgress: LoadProgress | undefined) => {
    const choose = await choiceFor(plans[0], onProgress);
    const onCompiled = (done: number, total: number) => onProgress?.('compiling', done, total);
    return loadPrograms(open, plans, { profile, matrixUnits: units, choose, idleHost: options.idleHost }, onCompiled);
  };
  return {
    name: 'gpu',
    description: `${open.description}, ${note}${isFixed}`,
    // As many as are loaded at once.
    channelMultiple: units ? 8 : 4,
    load: async (plan, onProgress) => (await loadAlike([plan], onProgress))[0]!,
    loadTogether: async (plans, onProgress) => {
      const { loadTogether } = await import('./loadTogether.js');
      return loadTogether(open, plans, units, (alike) => loadAlike(alike, onProgress));
    },
    dispose: async () => open.dispose(),
  };
}
