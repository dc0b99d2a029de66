/** A plan as lines of a table, for a dry run: the runs in their order, how far they are, their sizes at the start. */

import { type QuantizerReport, quantizerReport } from '../program/quantizerReport.js';
import { buildTrainingProgram } from '../program/trainingProgram.js';
import type { PlannedRun } from '../runs/plan/planRuns.js';
import { standing } from '../runs/plan/standing.js';
import { programOptions } from '../train/programOptions.js';
import type { Table } from './table.js';

/** A header and a line a run. */
export function planLines(images: Table['images'], plan: readonly PlannedRun[]): string[][] {
  const known = new Map<string, QuantizerReport['sizes']>();
  const header = ['', 'seed', 'experiment', 'starts from', 'epochs', 'W kB', 'A max kB', 'A sum kB', 'now'];
  return [
    header,
    ...plan.map((run, index) => {
      const { experiment, seed, startsFrom } = run;
      const { name, network, weights, activations, layers, training } = experiment;
      const key = JSON.stringify([network, weights, activations, layers, experiment.data.imageSize]);
      const sizes = known.get(key) ?? startSizes(images, run);
      known.set(key, sizes);
      return [
        String(index + 1),
        String(seed),
        name,
        startsFrom?.experiment.name ?? training.startFrom ?? '–',
        String(training.epochs),
        kbytes(sizes.weights_kb),
        kbytes(sizes.activations_max_kb),
        kbytes(sizes.activations_sum_kb),
        standingText(run),
      ];
    }),
  ];
}

/** With fresh weights: those it starts from may move the bits of quantizers that infer them. */
function startSizes(images: Table['images'], { experiment }: PlannedRun): QuantizerReport['sizes'] {
  const { classes } = images;
  const side = experiment.data.imageSize ?? images.side;
  const shape = { classes, imageShape: [side, side, 3] as const, trainImages: 1, evaluationImages: 1 };
  const { variables } = buildTrainingProgram(programOptions(experiment, shape, null));
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
  return value.toFixed(value >= 1000 ? 0 : 1);
}
