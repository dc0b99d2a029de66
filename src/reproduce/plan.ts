/**
 * The runs behind a table, in an order in which each finds the parameters it starts from: those of the first seed
 * first, so that a table can be read while other seeds are still to come.
 */

import { priorExperiment } from '../runs/index.js';
import {
  type ConfigFile,
  type Experiment,
  hasBudget,
  type Overrides,
  resolveExperiment,
  settingsDifference,
} from '../settings/index.js';
import type { ReportRow } from './table.js';

export interface PlannedRun {
  readonly seed: number;
  readonly experiment: Experiment;
  readonly file: ConfigFile;
  /** The run whose best parameters it starts from. */
  readonly startsFrom: PlannedRun | null;
}

export interface PlanOptions {
  readonly seeds: readonly number[];
  /** Every seed gets a folder in it. */
  readonly out: string;
  /** For all runs. */
  readonly settings: Overrides;
  /** For runs that have a budget, beside the others. */
  readonly budgetSettings: Overrides;
}

/** A section and the file in which it stands. */
export interface PlannedSection {
  readonly file: ConfigFile;
  readonly section: string;
}

/** The runs of all sections for all seeds, each once. Throws an `InputError` for a fault in the settings. */
export function planRuns(sections: readonly PlannedSection[], options: PlanOptions): PlannedRun[] {
  return options.seeds.flatMap((seed) => {
    const planned = new Map<string, PlannedRun>();
    for (const { file, section } of sections) plan(file, section, seed, options, planned);
    return [...planned.values()];
  });
}

/** The run of a row with a seed. */
export function runOfRow(plan: readonly PlannedRun[], { section }: ReportRow, seed: number): PlannedRun {
  const run = plan.find((each) => each.seed === seed && each.experiment.name === section);
  if (!run) throw new Error(`no run of ${section} with seed ${seed} is planned`);
  return run;
}

/** Appends the run, behind what it starts from. Sections of one name in two files are one run: they are the same. */
function plan(
  file: ConfigFile,
  section: string,
  seed: number,
  options: PlanOptions,
  planned: Map<string, PlannedRun>,
): PlannedRun {
  const experiment = resolve(file, section, seed, options);
  const known = planned.get(section);
  if (known) {
    const difference = settingsDifference(known.experiment.settings, experiment.settings);
    if (difference) throw new Error(`${file.path} and ${known.file.path} disagree about ${section}: ${difference}`);
    return known;
  }
  const { startFrom } = experiment.training;
  const prior = startFrom === null ? undefined : priorExperiment(startFrom);
  const startsFrom = prior === undefined ? null : plan(file, prior, seed, options, planned);
  const run: PlannedRun = { seed, experiment, file, startsFrom };
  planned.set(section, run);
  return run;
}

function resolve(file: ConfigFile, section: string, seed: number, options: PlanOptions): Experiment {
  const overrides = { ...options.settings, seed, out: `${options.out}/seed-${seed}` };
  const experiment = resolveExperiment(file, section, overrides, 'shared');
  if (!hasBudget(experiment.budget)) return experiment;
  return resolveExperiment(file, section, { ...overrides, ...options.budgetSettings }, 'shared');
}
