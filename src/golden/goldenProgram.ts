/**
 * The programs that golden settings describe: CIFAR-10's sizes unless said otherwise, batches from the host, and quantizers
 * that start as published.
 */

import type { StartingWeights } from '../nn/index.js';
import {
  buildEvaluationProgram,
  buildTrainingProgram,
  type ProgramOptions,
  type TrainingProgram,
} from '../program/trainingProgram.js';
import { experimentFromSettings } from '../settings/index.js';
import { programOptions } from '../train/programOptions.js';

export interface GoldenProgramOptions {
  /** For messages: file and section. */
  readonly where: string;
  /** Keys of a .cfg section. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly batchSize?: number;
  readonly classes?: number;
  readonly imageSize?: number;
  readonly starting?: StartingWeights;
}

/** The training program. */
export function goldenProgram(options: GoldenProgramOptions): TrainingProgram {
  return buildTrainingProgram({ ...programOf(options), train: { type: 'batch' }, evaluation: { type: 'batch' } });
}

/** The program that evaluates alone, for what is counted: names, shapes, start values. */
export function goldenEvaluation(options: GoldenProgramOptions): TrainingProgram {
  return buildEvaluationProgram(programOf(options));
}

function programOf(options: GoldenProgramOptions): ProgramOptions {
  const { where, settings, batchSize = 1, classes = 10, imageSize = 32, starting = null } = options;
  const start = { w_stepsize: 'published', a_stepsize: 'published' };
  const experiment = experimentFromSettings(where, where, { ...settings, ...start, batch_size: batchSize });
  const data = {
    classes,
    imageShape: [imageSize, imageSize, 3] as const,
    trainImages: batchSize,
    evaluationImages: batchSize,
  };
  return programOptions(experiment, data, starting);
}
