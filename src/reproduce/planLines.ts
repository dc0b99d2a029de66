/** The table of a plan for a dry run: the runs in order, their state, and their sizes at the start. */

import { kilobytesText } from '../kilobytes.js';
import { type QuantizerReport, quantizerReport } from '../program/quantizerReport.js';
import { buildTrainingProgram } from '../program/trainingProgram.js';
import { withNetworkOfFile } from '../runs/index.js';
import type { PlannedRun } from '../runs/plan/planRuns.js';
import { standing } from '../runs/plan/standing.js';
import type { Experiment } from '../settings/index.js';
import { type DataShape, programOptions } from '../train/programOptions.js';

/** The images by which sizes are computed, before any are loaded; a run may scale them to another side. */
export type PlannedImages = Pick<DataShape, 'classes' | 'imageShape' | 'scaling'>;

/** A header and a line for each run. Rejects with an `InputError` if the file of a network cannot be read. */
export async function planLines(images: PlannedImages, plan: readonly PlannedRun[]): Promise<string[][]> {
  const known = new Map<string, QuantizerReport['sizes']>();
  const header = ['', 'seed', 'experiment', 'starts from', 'epochs', 'W kB', 'A max kB', 'A sum kB', 'now'];
  const lines = [header];
  for (const [index, run] of plan.entries()) {
    const { experiment, seed, startsFrom } = run;
    const { name, network, weights, activations, linear, input, layers, training } = experiment;
    const key = JSON.stringify([network, weights, activations, linear, input, layers, experiment.data.imageSize]);
    const sizes = known.get(key) ?? startSizes(images, await withNetworkOfFile(experiment));
    known.set(key, sizes);
    lines.push([
      String(index + 1),
      String(seed),
      name,
      startsFrom?.experiment.name ?? training.startFrom ?? '–',
      String(training.epochs),
      ...[sizes.weights_kb, sizes.activations_max_kb, sizes.activations_sum_kb].map(kbytes),
      standingText(run),
    ]);
  }
  return lines;
}

/** Sizes with random weights; those that a run starts from may change the bits of quantizers that infer them. */
function startSizes(planned: PlannedImages, experiment: Experiment): QuantizerReport['sizes'] {
  const side = experiment.data.imageSize;
  const imageShape = side === null ? planned.imageShape : ([side, side, planned.imageShape[2]] as const);
  const images = { ...planned, imageShape, trainImages: 1, evaluationImages: 1 };
  const { variables } = buildTrainingProgram(programOptions(experiment, images, null));
  return quantizerReport(variables, variables.table, 0).sizes;
}

function standingText(run: PlannedRun): string {
  const now = standing(run);
  switch (now.type) {
    case 'absent':
      return 'begins';
    case 'unfinished':
      return 'goes on';
    case 'finished':
      return 'is finished, reused';
    case 'failed':
      return `has failed: ${now.fault}`;
    case 'other':
      return `has other settings: ${now.difference}`;
    default:
      return now satisfies never;
  }
}

function kbytes(value: number): string {
  return kilobytesText(value, value >= 1000 ? 0 : 1);
}
