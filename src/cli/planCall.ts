/** Calls that run a plan, on this machine or as a job of a cluster. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import { dataForms } from '../data/dataSpec.js';
import { userPath } from '../disk/userPath.js';
import { InputError } from '../errors.js';
import { oneRank, type Ranks } from '../program/ranks.js';
import type { ReportEnd } from '../reproduce/reproduce.js';
import { type ExecuteOptions, executePlan } from '../runs/plan/executePlan.js';
import type { PlannedRun } from '../runs/plan/planRuns.js';
import { toldEvents } from '../runs/plan/processLanes.js';
import type { Workbench } from '../runs/workbench.js';
import { commandWords, programName } from '../settings/index.js';
import { INTERRUPTED } from './endingSignals.js';
import { joinOnCards, runOnCards, startsRanks } from './gpus.js';
import { interruptible } from './interruptible.js';
import { autotuneOption, deviceWords } from './options.js';
import { type PlanDisplay, planDisplay, silentPlanDisplay } from './planProgress.js';
import { parallelOption, type SideBySide, sideBySide } from './sideBySide.js';
import { type SubmissionOptions, submissionKeys } from './submission.js';

/** Adds the options of a command that runs a plan. */
export function addPlanOptions(command: Command): Command {
  return command
    .addOption(new Option('--seeds <list>', 'seeds, each with all runs, such as 0,1,2').argParser(seedList))
    .option('--data <spec>', dataForms)
    .option('--epochs <n>', 'epochs of every run')
    .option('--batch-size <n>', 'images per step')
    .option('--limit-train <n>', 'number of training images to use')
    .option('--limit-val <n>', 'number of test images to use')
    .option('--device <name>', deviceWords)
    .option('--threads <n>', 'threads of the CPU engine')
    .option('--out <dir>', 'folder of the run folders and the report', userPath)
    .option('--quick', 'few epochs on few images, ten minutes on two cores: all plots, but no results')
    .option('--dry-run', 'print the plan only')
    .option('--force', 'replace run folders of other settings')
    .addOption(
      new Option('--report', 'write the report of the runs that are finished, and train nothing').conflicts([
        ...['dryRun', 'force', 'submit', 'parallel', 'run'],
      ]),
    )
    .addOption(autotuneOption())
    .addOption(parallelOption())
    .option('--submit', 'train on a cluster, and write the report after the runs');
}

/** The options of such a command. */
export interface PlanOptions extends SubmissionOptions {
  readonly seeds?: readonly number[];
  readonly out?: string;
  readonly quick?: boolean;
  readonly autotune: boolean;
  /** Keys of a section. */
  readonly [setting: string]: unknown;
}

interface PlanCall {
  /** The call, as it can be repeated. */
  readonly command: string;
  /** Number of runs of the plan. */
  readonly runs: number;
  readonly force: boolean;
  /** Nothing is trained: the report is of what is finished. */
  readonly report?: boolean | undefined;
  readonly bench: Workbench;
  /** The processes that train together, by default only this one; the first of them reports. */
  readonly ranks?: Ranks;
  /** The arrangement of runs that train at a time; by default one after another. */
  readonly sideBySide?: SideBySide;
  /** Report events to the parent process instead of drawing a display. */
  readonly tell?: boolean | undefined;
}

/** Executes a plan with a display, until its end or the first Ctrl-C, and reports its end. */
export async function executeCall(
  { command, runs, force, report = false, bench, ranks = oneRank, sideBySide = {}, tell = false }: PlanCall,
  execute: (options: ExecuteOptions & { readonly command: string }) => Promise<ReportEnd>,
): Promise<void> {
  const isFirst = ranks.rank === 0;
  const { lanes, together = 1 } = sideBySide;
  const atOnce = lanes?.atOnce ?? together;
  const display = displayOf(isFirst, tell, atOnce);
  await interruptible(display, async (signal, onTraining) => {
    const how = { force, trainsNothing: report, bench, ranks, ...sideBySide };
    const options = { ...how, events: display, signal, onTraining, command };
    const { complete, failed, paths } = await execute(options);
    display.stop();
    if (!complete) {
      const words = [
        ...(force ? ['--force'] : []),
        ...(report ? ['--report'] : []),
        ...(atOnce > 1 ? ['--parallel', String(atOnce)] : []),
      ];
      if (isFirst) process.stderr.write(`interrupted; go on with: ${[programName(), command, ...words].join(' ')}\n`);
      process.exitCode = INTERRUPTED;
      return;
    }
    for (const path of paths) process.stdout.write(`${path}\n`);
    if (failed === 0) return;
    const why = paths.length > 0 ? '; the report says why' : '';
    process.stderr.write(`${failed} of ${runs} runs gave no result${why}\n`);
    process.exitCode = 1;
  });
}

function displayOf(isFirst: boolean, tell: boolean, atOnce: number): PlanDisplay {
  if (!isFirst) return silentPlanDisplay;
  return tell ? { ...toldEvents(), stop: () => {} } : planDisplay(atOnce);
}

/**
 * Executes the runs of a plan with the given paths, as a job sent by `--submit` does, and a process of a lane.
 *
 * @param words the command line's words that make the plan
 */
export async function executeSomeRuns(
  plan: readonly PlannedRun[],
  paths: readonly string[],
  { words, force, bench }: Pick<PlanCall, 'force' | 'bench'> & { readonly words: readonly string[] },
  options: Pick<SubmissionOptions, 'gpus' | 'tell' | 'parallel'>,
): Promise<void> {
  const { gpus, tell = false } = options;
  const wrong = paths.find((path) => !plan.some((each) => each.path === path));
  if (wrong !== undefined) {
    throw new InputError(
      `--run ${wrong}: is no run of this plan; its runs: ${plan.map((each) => each.path).join(', ')}`,
    );
  }
  const runs = plan.filter(({ path }) => paths.includes(path));
  if (startsRanks(gpus)) {
    process.exitCode = await runOnCards(gpus);
    return;
  }
  const ranks = await joinOnCards(gpus);
  const command = commandWords([...words, ...paths.flatMap((path) => ['--run', path])]);
  // A process of a lane trains its runs together, processes that train together one run after the other.
  const arranged = async (): Promise<SideBySide> =>
    tell ? { together: runs.length } : sideBySide(runs, words, { ...options, force });
  const arrangement = ranks.size === 1 ? await arranged() : {};
  const how = { command, runs: runs.length, force, bench, ranks, sideBySide: arrangement, tell };
  let failed = 0;
  await executeCall(how, async (options) => {
    const end = await executePlan(runs, options);
    failed = end.failed;
    return { ...end, paths: [] };
  });
  // After a failure the process does not wait for the other ranks, which end by themselves.
  if (failed === 0) ranks.leave();
}

/**
 * The words of a repeatable call behind the program's name: `words` (its command and arguments) and the options given
 * on the command line, except those that do not change the result.
 */
export function wordsOfCall(words: readonly string[], options: object, call: Command): string[] {
  const given = Object.entries(options).flatMap(([key, value]) => {
    const option = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (submissionKeys.includes(key) || call.getOptionValueSource(key) !== 'cli') return [];
    if (key === 'autotune') return value === false ? ['--no-autotune'] : [];
    if (value === true) return [option];
    // An empty list is given as `none`.
    return [option, String(value) || 'none'];
  });
  return [...words, ...given];
}

/** Parses a list of seeds, such as `0,1,2`. */
export function seedList(text: string): number[] {
  const seeds = text.split(',').map((word) => (/^\d+$/.test(word.trim()) ? Number(word) : Number.NaN));
  if (seeds.some((seed) => !(seed < 2 ** 32))) throw new InvalidArgumentError('give whole numbers, such as 0,1,2');
  if (new Set(seeds).size < seeds.length) throw new InvalidArgumentError('a seed stands twice');
  return seeds;
}
