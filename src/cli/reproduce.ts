/** `mpdnn reproduce`: every run that a table of the paper needs, and a report. */

import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { userPath } from '../disk/userPath.js';
import { dataNote } from '../reproduce/dataNote.js';
import { planLines } from '../reproduce/planLines.js';
import { commandOf } from '../reproduce/report.js';
import { planReproduction, type Reproduction, reproduce } from '../reproduce/reproduce.js';
import { tables } from '../reproduce/tables/index.js';
import { openWorkbench } from '../runs/workbench.js';
import { commandWords, programName } from '../settings/index.js';
import { INTERRUPTED } from './endingSignals.js';
import { interruptible } from './interruptible.js';
import { addSettingOptions, autotuneOption, tuningFile } from './options.js';
import { planDisplay } from './planProgress.js';
import { textTable } from './textTable.js';

interface Options {
  readonly seeds?: readonly number[];
  readonly only?: readonly string[];
  readonly variant?: string;
  readonly out?: string;
  readonly budget: string;
  readonly quick?: boolean;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly autotune: boolean;
  /** Keys of a section. */
  readonly [setting: string]: unknown;
}

export function reproduceCommand(): Command {
  const command = new Command('reproduce')
    .description('train what a table of the paper needs, or go on with it, and write a report beside the published one')
    .addArgument(new Argument('<table>', 'which one').choices(tables.map(({ name }) => name)))
    .addOption(new Option('--seeds <list>', 'one run of everything a seed, such as 0,1,2').argParser(seedList))
    .option('--data <spec>', 'cifar10[:DIR or archive], mnist[:DIR], images:DIR, synthetic[:N]')
    .option('--epochs <n>', 'epochs of every run')
    .option('--batch-size <n>', 'images a step')
    .option('--limit-train <n>', 'use only so many training images')
    .option('--limit-val <n>', 'use only so many test images')
    .addOption(
      new Option('--select <images>', 'what chooses parameters').choices(['validation', 'test']).default('validation'),
    )
    .option('--validation-split <n>', 'training images that choose')
    .addOption(
      new Option('--budget <mode>', 'how budgets are kept').choices(['guaranteed', 'penalty']).default('guaranteed'),
    )
    .option('--variant <name>', "which of the published settings: the ending of the sections' names")
    .addOption(new Option('--only <rows>', 'rows that begin so, such as U3,P3').argParser((text) => text.split(',')))
    .option('--device <name>', 'auto, cpu, gpu or reference')
    .option('--threads <n>', 'threads of the CPU engine')
    .option('--out <dir>', 'where run folders and the report go', userPath)
    .option('--quick', 'few epochs on few images: the pictures in ten minutes on two cores, no results')
    .option('--dry-run', 'print the plan only')
    .option('--force', 'replace run folders of other settings')
    .addOption(autotuneOption())
    .action(async (name: string, options: Options, call: Command) => {
      const {
        seeds,
        only,
        variant,
        out,
        budget,
        quick = false,
        dryRun,
        force = false,
        autotune,
        ...settings
      } = options;
      const table = tables.find((each) => each.name === name)!;
      const reproduction = planReproduction(table, {
        ...{ seeds, only, variant, out, budget, quick },
        settings: settings as Record<string, string>,
      });
      if (dryRun) process.stdout.write(planText(reproduction));
      else await execute(reproduction, commandOfCall(name, options, call), { force, autotune });
    });
  // A seed is one of --seeds, whether a run goes on is found out, and runs are called as their sections.
  return addSettingOptions(command, ['seed', 'resume', 'name']);
}

async function execute(
  reproduction: Reproduction,
  command: string,
  { force, autotune }: { readonly force: boolean; readonly autotune: boolean },
): Promise<void> {
  const display = planDisplay();
  const bench = openWorkbench({ tuningFile: tuningFile(autotune) });
  await interruptible(display, async (signal, onTraining) => {
    try {
      const options = { force, bench, events: display, signal, onTraining, command };
      const { complete, failed, paths } = await reproduce(reproduction, options);
      display.stop();
      if (!complete) {
        process.stderr.write(`interrupted; go on with: ${programName()} ${command}\n`);
        process.exitCode = INTERRUPTED;
        return;
      }
      process.stdout.write(`${paths.join('\n')}\n`);
      if (failed === 0) return;
      process.stderr.write(`${failed} of ${reproduction.plan.length} runs gave no result; the report says why\n`);
      process.exitCode = 1;
    } finally {
      await bench.dispose();
    }
  });
}

function planText({ table, plan, folder }: Reproduction): string {
  return [
    `${table.title}: ${plan.length} runs, the report goes to ${folder}`,
    ...new Set(plan.map(({ experiment }) => dataNote(experiment))),
    '',
    textTable(planLines(table, plan)),
    '',
    'W and A: sizes at the start, with fresh weights',
    '',
    ...plan.map((run) => commandOf(run)),
    '',
  ].join('\n');
}

/** The call, behind the program's name, as it can be repeated: what is at its default is left out, and what says nothing about the result. */
function commandOfCall(table: string, options: Options, call: Command): string {
  const words = Object.entries(options).flatMap(([key, value]) => {
    const option = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (key === 'force' || key === 'dryRun' || call.getOptionValueSource(key) !== 'cli') return [];
    if (key === 'autotune') return value === false ? ['--no-autotune'] : [];
    return value === true ? [option] : [option, String(value)];
  });
  return commandWords(['reproduce', table, ...words]);
}

function seedList(text: string): number[] {
  const seeds = text.split(',').map((word) => (/^\d+$/.test(word.trim()) ? Number(word) : Number.NaN));
  if (seeds.some((seed) => !(seed < 2 ** 32))) throw new InvalidArgumentError('give whole numbers, such as 0,1,2');
  if (new Set(seeds).size < seeds.length) throw new InvalidArgumentError('a seed stands twice');
  return seeds;
}
