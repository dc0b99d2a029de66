/** The tiny network on generated images, ready to be trained by `train` on the CPU engine, watched at every turn. */

import { vi } from 'vitest';
import { generateSynthetic, type ImageSet, limit } from '../src/data/index.js';
import { selectEngine } from '../src/engine/selectEngine.js';
import { openSession, type Session } from '../src/program/session.js';
import { buildTrainingProgram } from '../src/program/trainingProgram.js';
import { type Experiment, experimentFromSettings } from '../src/settings/index.js';
import type { CheckpointState } from '../src/train/checkpointState.js';
import { programOptions } from '../src/train/programOptions.js';
import type { EpochReport, Recorder, StepReport } from '../src/train/recorder.js';
import type { RunSummary } from '../src/train/summary.js';
import { initialState, train } from '../src/train/train.js';
import { parseSafetensorsFile } from '../src/weights/checkedSafetensors.js';

export interface TinyRun {
  readonly experiment: Experiment;
  readonly session: Session;
  /** Values that the host wrote to a storage, in order; `run` stands for a step, with no values. */
  readonly written: readonly { readonly storage: string; readonly values: readonly number[] }[];
  readonly steps: readonly StepReport[];
  readonly reports: readonly EpochReport[];
  readonly checkpoints: readonly CheckpointState[];
  /** Their bytes. */
  readonly checkpointFiles: readonly Uint8Array[];
  /** Which parameters were kept, in order. */
  readonly kept: readonly ('best' | 'last')[];
  train(state?: CheckpointState): Promise<RunSummary | null>;
  dispose(): Promise<void>;
}

export interface TinyImages {
  readonly train?: number;
  readonly evaluation?: number;
}

/** `settings` are keys of a .cfg file. */
export async function tinyRun(
  settings: Readonly<Record<string, unknown>>,
  { train: trainImages = 64, evaluation = 20 }: TinyImages = {},
): Promise<TinyRun> {
  const experiment = experimentFromSettings('TINY', 'tiny.cfg', { model: 'tiny', data: 'synthetic', ...settings });
  const images = generateSynthetic(7, trainImages);
  const shown: ImageSet = limit(images.test, Math.min(evaluation, images.test.count), 1);
  const shape = {
    classes: 10,
    imageShape: [32, 32, 3] as const,
    trainImages: images.train.count,
    evaluationImages: shown.count,
  };
  const engine = await selectEngine('cpu', { threads: 1 });
  const session = await openSession(engine, buildTrainingProgram(programOptions(experiment, shape, null)));
  session.setTrainingImages(images.train);
  session.setEvaluationImages(shown);
  const written: { storage: string; values: readonly number[] }[] = [];
  const { write, run } = session.program;
  vi.spyOn(session.program, 'write').mockImplementation((storage, values, offset) => {
    written.push({ storage, values: Array.from(values) });
    write.call(session.program, storage, values, offset);
  });
  vi.spyOn(session.program, 'run').mockImplementation((plan) => {
    if (plan === 'train') written.push({ storage: 'run', values: [] });
    return run.call(session.program, plan);
  });
  const steps: StepReport[] = [];
  const reports: EpochReport[] = [];
  const checkpoints: CheckpointState[] = [];
  const checkpointFiles: Uint8Array[] = [];
  const kept: ('best' | 'last')[] = [];
  const recorder: Recorder = {
    begin: () => {},
    step: (report) => steps.push(report),
    epoch: (report) => reports.push(report),
    parameters: (which) => kept.push(which),
    checkpoint: (file) => {
      checkpoints.push(JSON.parse(parseSafetensorsFile(file, 'checkpoint').metadata.state ?? ''));
      checkpointFiles.push(file);
    },
    sizes: () => reports.map(({ epoch, quantizers }) => ({ epoch, ...quantizers.sizes })),
    quantizers: () => reports.flatMap(({ quantizers }) => quantizers.rows),
    keptFault: (fault) => fault,
    finish: () => {},
  };
  return {
    ...{ experiment, session, written, steps, reports, checkpoints, checkpointFiles, kept },
    train: (state = initialState(experiment)) =>
      train({ experiment, session, trainImages: images.train, recorder, device: 'cpu', state }),
    dispose: async () => {
      await session.program.dispose();
      await engine.dispose();
    },
  };
}
