/**
 * The engine and the images of the previous run, shared by the runs of one process: starting a GPU engine may take
 * longer than a short run.
 */

import type { Engine } from '../engine/engine.js';
import { selectEngine } from '../engine/selectEngine.js';
import type { Experiment } from '../settings/index.js';
import { type ExperimentData, loadExperimentData } from './experimentData.js';

export interface Workbench {
  /** The engine for an experiment; disposes of the previous one if that is another. */
  engine(experiment: Experiment): Promise<Engine>;
  /** Disposes of the engine and its GPU, before work that does not need it; the next experiment gets a new one. */
  disposeEngine(): Promise<void>;
  data(
    experiment: Experiment,
    onProgress: (task: string, done: number, total: number) => void,
  ): Promise<ExperimentData>;
  dispose(): Promise<void>;
}

/** Opens the engine for an experiment. `tuningFile`: file of tuned GPU tiles. */
export function engineOf(
  { device, threads, matmulPrecision }: Experiment,
  tuningFile?: string | undefined,
): Promise<Engine> {
  return selectEngine(device, { threads: threads ?? undefined, matmulPrecision, tuningFile });
}

/** Opens a workbench. `tuningFile`: file of tuned GPU tiles. */
export function openWorkbench({ tuningFile }: { readonly tuningFile?: string | undefined } = {}): Workbench {
  let engine: { readonly key: string; readonly value: Engine } | null = null;
  let data: { readonly key: string; readonly value: ExperimentData } | null = null;
  const disposeEngine = async (): Promise<void> => {
    const last = engine?.value;
    engine = null;
    await last?.dispose();
  };
  const closeData = async (): Promise<void> => {
    const last = data?.value;
    data = null;
    await last?.close();
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
    data: async (experiment, onProgress) => {
      const { source, imageSize, limitTrain, limitVal, validationSplit, augment, stream, decodeThreads } =
        experiment.data;
      const key = JSON.stringify([
        ...[source, imageSize, limitTrain, limitVal, validationSplit, experiment.training.seed],
        ...[augment, stream, decodeThreads],
      ]);
      if (data?.key !== key) {
        await closeData();
        data = { key, value: await loadExperimentData(experiment, onProgress) };
      }
      return data.value;
    },
    dispose: async () => {
      await closeData();
      await disposeEngine();
    },
  };
}
