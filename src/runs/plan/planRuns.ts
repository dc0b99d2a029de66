/**
 * Runs of several experiments in an order in which each finds the parameters it starts from, and its teacher; those
 * of the first seed come first, so that their results can be read before other seeds are done.
 */

import { InputError } from '../../errors.js';
import { defaultSection } from '../../settings/configFile.js';
import {
  type ConfigFile,
  type Experiment,
  hasBudget,
  type Overrides,
  resolveExperiment,
  settingsDifference,
} from '../../settings/index.js';
import { priorExperiment } from '../index.js';

export interface PlannedRun {
  /** The path of its run folder below that of the plan: `NAME`, or `seed-0/NAME`. */
  readonly path: string;
  readonly seed: number;
  readonly experiment: Experiment;
  readonly file: ConfigFile;
  /** The run whose best parameters it starts from. */
  readonly startsFrom: PlannedRun | null;
  /** The run that is its teacher. */
  readonly learnsFrom: PlannedRun | null;
}

/** The runs that have to be finished before a run begins. */
export function prerequisites({ startsFrom, learnsFrom }: PlannedRun): PlannedRun[] {
  return [...new Set([startsFrom, learnsFrom])].filter((run) => run !== null);
}

/** An experiment that a plan trains. */
export interface PlannedSection {
  readonly file: ConfigFile;
  readonly section: string;
}

export interface PlanOptions {
  /** Seeds, each with a folder in `out`; `null` for one run in `out` itself, with the seed of the settings. */
  readonly seeds: readonly number[] | null;
  readonly out: string;
  /** Overrides for all runs. */
  readonly settings: Overrides;
  /** Further overrides for runs with a budget. */
  readonly budgetSettings: Overrides;
}

/**
 * The runs of all sections for all seeds, each once, with those that they start or learn from.
 *
 * @throws InputError for a fault in the settings
 */
export function planRuns(sections: readonly PlannedSection[], options: PlanOptions): PlannedRun[] {
  return (options.seeds ?? [null]).flatMap((seed) => {
    const planned = new Map<string, PlannedRun>();
    for (const { file, section } of sections) plan(file, section, { seed, options, planned, followers: [] });
    return [...planned.values()];
  });
}

/** The run of a section with a seed. */
export function runOfSection(plan: readonly PlannedRun[], section: string, seed: number): PlannedRun {
  const run = plan.find((each) => each.seed === seed && each.experiment.name === section);
  if (!run) throw new Error(`no run of ${section} with seed ${seed} is planned`);
  return run;
}

interface Planning {
  readonly seed: number | null;
  readonly options: PlanOptions;
  /** Runs by section. */
  readonly planned: Map<string, PlannedRun>;
  /** The sections that start or learn from this one, the nearest last. */
  readonly followers: readonly string[];
}

/** Appends the run after those it starts and learns from. Sections of one name in two files are the same run. */
function plan(file: ConfigFile, section: string, planning: Planning): PlannedRun {
  const { seed, options, planned, followers } = planning;
  const experiment = resolve(file, section, seed, options);
  const known = planned.get(section);
  if (known) {
    const difference = settingsDifference(known.experiment.settings, experiment.settings);
    if (difference) throw new Error(`${file.path} and ${known.file.path} disagree about ${section}: ${difference}`);
    return known;
  }
  if (followers.includes(section)) {
    throw new InputError(
      `${file.path}: [${section}] starts or learns from its own result, by way of ${followers.join(', ')}; let one of them name another run, or none`,
    );
  }
  const before = (parameters: string | null): PlannedRun | null => {
    const prior = priorSection(file, parameters);
    return prior === null ? null : plan(file, prior, { ...planning, followers: [...followers, section] });
  };
  const { startFrom, distill, seed: ownSeed } = experiment.training;
  const [startsFrom, learnsFrom] = [before(startFrom), before(distill?.from ?? null)];
  const path = seed === null ? experiment.runName : `seed-${seed}/${experiment.runName}`;
  const run: PlannedRun = { path, seed: ownSeed, experiment, file, startsFrom, learnsFrom };
  planned.set(section, run);
  return run;
}

/** The section of the file whose result these parameters are; `null` for none, or for a file from elsewhere. */
function priorSection({ sections }: ConfigFile, parameters: string | null): string | null {
  const prior = parameters === null ? undefined : priorExperiment(parameters);
  return prior !== undefined && (prior === defaultSection || sections.has(prior)) ? prior : null;
}

function resolve(file: ConfigFile, section: string, seed: number | null, options: PlanOptions): Experiment {
  const place = seed === null ? { out: options.out } : { seed, out: `${options.out}/seed-${seed}` };
  const overrides = { ...options.settings, ...place };
  const experiment = resolveExperiment(file, section, overrides, 'plan');
  if (!hasBudget(experiment.budget)) return experiment;
  return resolveExperiment(file, section, { ...overrides, ...options.budgetSettings }, 'plan');
}
