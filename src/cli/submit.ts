/** `mpdnn submit`: sends sections of a .cfg file to a cluster, each after the one that it starts from. */

import { Command, Option } from 'commander';
import { userPath } from '../disk/userPath.js';
import { InputError } from '../errors.js';
import { type PlannedSection, planRuns } from '../runs/plan/planRuns.js';
import { openWorkbench } from '../runs/workbench.js';
import { type Overrides, resolveExperiment } from '../settings/index.js';
import { readConfigFile } from '../settings/readConfigFile.js';
import { addSettingOptions, autotuneOption, tuningFile } from './options.js';
import { executeSomeRuns, seedList, wordsOfCall } from './planCall.js';
import { addSubmissionOptions, type SubmissionOptions, settingsAmong, submit } from './submission.js';

interface Options extends SubmissionOptions {
  readonly cfg?: string;
  readonly seeds?: readonly number[];
  readonly out?: string;
  readonly autotune: boolean;
  /** Keys of a section. */
  readonly [setting: string]: unknown;
}

export function submitCommand(): Command {
  const command = new Command('submit')
    .description('train sections of a .cfg file on a cluster, each after the one that it starts from')
    .argument('<section...>', 'names of sections')
    .option('--cfg <file>', 'the .cfg file')
    .addOption(
      new Option('--seeds <list>', 'seeds of every section, in OUT/seed-S, such as 0,1,2')
        .argParser(seedList)
        .conflicts('seed'),
    )
    .option('--out <dir>', 'folder of the run folders', userPath)
    .option('--dry-run', 'print the scripts without submitting them')
    .option('--force', 'replace run folders of other settings')
    .addOption(autotuneOption());
  addSubmissionOptions(command).action(async (sections: readonly string[], options: Options, call: Command) => {
    const { cfg, seeds = null, out: given, run, autotune, force = false, ...others } = options;
    if (cfg === undefined) throw new InputError(`submit ${sections[0]}: which file is it in? name it: --cfg FILE`);
    const file = readConfigFile(cfg);
    const settings = settingsAmong(others);
    const planned = sections.map((section) => ({ file, section }));
    const out = given ?? commonFolder(planned, settings);
    const plan = planRuns(planned, { seeds, out, settings, budgetSettings: {} });
    const words = wordsOfCall(['submit', ...sections], options, call);
    if (run === undefined) {
      submit(plan, { out, call: words, last: null }, options);
      return;
    }
    const bench = openWorkbench({ tuningFile: tuningFile(autotune) });
    await executeSomeRuns(plan, run, { words, force, bench }, options).finally(bench.dispose);
  });
  // Sections name their starting weights, the plan finds out which runs go on, and runs are named after their sections.
  return addSettingOptions(command, ['resume', 'name']);
}

/**
 * The output folder of the sections.
 *
 * @throws InputError if they do not agree
 */
function commonFolder(sections: readonly PlannedSection[], settings: Overrides): string {
  const folders = sections.map(({ file, section }) => resolveExperiment(file, section, settings, 'plan').out);
  const [out = '', ...others] = new Set(folders);
  if (others.length === 0) return out;
  throw new InputError(
    `submit: the sections go to ${out} and to ${others.join(', ')}; name one folder for all: --out DIR`,
  );
}
