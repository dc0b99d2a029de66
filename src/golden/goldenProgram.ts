/**
 * Training programs for golden settings, with sizes of CIFAR-10 by default, batches from the host, and the published
 * start of quantizers.
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
  /** File and section, for messages. */
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

/** The evaluation program, for names, shapes and initial values. */
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
