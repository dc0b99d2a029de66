/**
 * The engine and the images of the previous run, shared by the runs of one process: starting a GPU engine may take
 * longer than a short run.
 */

import type { Dataset, Images } from '../data/index.js';
import type { Engine } from '../engine/engine.js';
import { selectEngine } from '../engine/selectEngine.js';
import type { Experiment } from '../settings/index.js';
import { dataOf, type ExperimentData, loadWhole } from './experimentData.js';
import type { RunEvents } from './runEvents.js';

export interface Workbench {
  /** The engine for an experiment; disposes of the previous one if that is another. */
  engine(experiment: Experiment): Promise<Engine>;
  /** Disposes of the engine and its GPU, before work that does not need it; the next experiment gets a new one. */
  disposeEngine(): Promise<void>;
  /**
   * The images of an experiment; each note on them is told once, to the first call with `line`. `whole`: its whole
   * dataset, if that is loaded already.
   */
  data(experiment: Experiment, events: LoadingEvents, whole?: Dataset<Images>): Promise<ExperimentData>;
  dispose(): Promise<void>;
}

type LoadingEvents = Pick<RunEvents, 'task'> & Partial<Pick<RunEvents, 'line'>>;

/** Opens the engine for an experiment. `tuningFile`: file of tuned GPU tiles. */
export function engineOf(
  { device, threads, matmulPrecision }: Experiment,
  tuningFile?: string | undefined,
): Promise<Engine> {
  return selectEngine(device, { threads: threads ?? undefined, matmulPrecision, tuningFile });
}

export interface WorkbenchOptions {
  /** File of tuned GPU tiles. */
  readonly tuningFile?: string | undefined;
  /** Keep the images of all runs, for those that train at the same time, and not only those of the last one. */
  readonly keepsImages?: boolean;
}

export function openWorkbench({ tuningFile, keepsImages = false }: WorkbenchOptions = {}): Workbench {
  let engine: { readonly key: string; readonly value: Engine } | null = null;
  const images = new Map<string, ExperimentData>();
  const told = new Set<string>();
  const tell = ({ notes }: ExperimentData, line: LoadingEvents['line']): void => {
    for (const note of line ? notes : []) {
      if (!told.has(note)) line?.(note);
      told.add(note);
    }
  };
  const disposeEngine = async (): Promise<void> => {
    const last = engine?.value;
    engine = null;
    await last?.dispose();
  };
  const closeData = async (): Promise<void> => {
    const all = [...images.values()];
    images.clear();
    for (const data of all) await data.close();
  };
  return {
    disposeEngine,
    engine: async (experiment) => {
      const { device, threads, matmulPrecision } = experiment;
      const key = JSON.stringify([device, threads, matmulPrecision]);
      if (engine?.key !== key) {
        await disposeEngine();
        engine = { key, value: await engineOf(experiment, tuningFile) };
      }
      return engine.value;
    },
    data: async (experiment, { task, line }, whole) => {
      // Shifts and mirrors are drawn batch by batch.
      const { augmentShift: _shift, augmentMirror: _mirror, ...ofImages } = experiment.data;
      const { seed, select } = experiment.training;
      const key = JSON.stringify([ofImages, experiment.task, seed, select]);
      const known = images.get(key);
      if (!known && !keepsImages) await closeData();
      const data = known ?? (await dataOf(experiment, whole ?? (await loadWhole(experiment, task)), task));
      images.set(key, data);
      tell(data, line);
      return data;
    },
    dispose: async () => {
      await closeData();
      await disposeEngine();
    },
  };
}
