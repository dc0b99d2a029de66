/**
 * Everything that the runs of one process share: the engine, whose start takes longer than a short run where it is a
 * GPU, and the images of the run before.
 */

import type { Engine } from '../engine/engine.js';
import { selectEngine } from '../engine/selectEngine.js';
import type { Experiment } from '../settings/index.js';
import { type ExperimentData, loadExperimentData } from './experimentData.js';

export interface Workbench {
  /** The engine that an experiment asks for; the one before is disposed of where it is another. */
  engine(experiment: Experiment): Promise<Engine>;
  /** Lets the engine go, its GPU too, where what follows computes without it; the next experiment gets a new one. */
  disposeEngine(): Promise<void>;
  data(
    experiment: Experiment,
    onProgress: (task: string, done: number, total: number) => void,
  ): Promise<ExperimentData>;
  dispose(): Promise<void>;
}

/** The engine that an experiment asks for. `tuningFile`: where a GPU engine remembers tiles. */
export function engineOf(
  { device, threads, matmulPrecision }: Experiment,
  tuningFile?: string | undefined,
): Promise<Engine> {
  return selectEngine(device, { threads: threads ?? undefined, matmulPrecision, tuningFile });
}

/** `tuningFile`: where a GPU engine remembers tiles. */
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
