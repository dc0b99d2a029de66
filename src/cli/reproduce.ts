/** `mpdnn reproduce`: every run that a table of the paper needs, and a report. */

import { Argument, Command, Option } from 'commander';
import { dataNote } from '../reproduce/dataNote.js';
import { type PlannedImages, planLines } from '../reproduce/planLines.js';
import { commandOf } from '../reproduce/report.js';
import { planReproduction, type Reproduction, reproduce } from '../reproduce/reproduce.js';
import { tables } from '../reproduce/tables/index.js';
import { withNetworkOfFile } from '../runs/index.js';
import { openWorkbench } from '../runs/workbench.js';
import { selections } from '../selection.js';
import { commandWords, isOnnxFile } from '../settings/index.js';
import { addSettingOptions, selectWords, tuningFile } from './options.js';
import { addPlanOptions, executeCall, executeSomeRuns, type PlanOptions, wordsOfCall } from './planCall.js';
import { taskDisplay } from './progress.js';
import { sideBySide } from './sideBySide.js';
import { addSubmissionOptions, refuseSubmissionOptions, settingsAmong, submit } from './submission.js';
import { textTable } from './textTable.js';

interface Options extends PlanOptions {
  readonly only?: readonly string[];
  readonly variant?: string;
  readonly budget: string;
}

export function reproduceCommand(): Command {
  const command = addPlanOptions(new Command('reproduce'))
    .description(
      'train the networks of a table of the paper, or continue, and write a report that compares it with the published one',
    )
    .addArgument(new Argument('<table>', 'which one').choices(tables.map(({ name }) => name)))
    .addOption(new Option('--select <how>', selectWords).choices(selections).default('validation'))
    .option('--validation-split <n>', 'number of training images held out for validation')
    .addOption(
      new Option('--budget <mode>', 'enforcement of budgets').choices(['guaranteed', 'penalty']).default('guaranteed'),
    )
    .option('--variant <name>', "published settings to use: the suffix of the sections' names")
    .addOption(
      new Option('--only <rows>', 'rows whose identifiers begin so, such as U3,P3').argParser((text) =>
        text.split(','),
      ),
    )
    .action(async (name: string, options: Options, call: Command) => {
      const { seeds, only, variant, out, budget, quick = false, force = false, autotune, ...others } = options;
      const table = tables.find((each) => each.name === name)!;
      const wanted = { ...{ seeds, only, variant, out, budget, quick }, settings: settingsAmong(others) };
      refuseSubmissionOptions(options);
      const bench = openWorkbench({ tuningFile: tuningFile(autotune) });
      try {
        const loading = taskDisplay();
        const reproduction = await planReproduction(table, wanted, bench, loading.task).finally(loading.stop);
        const { plan } = reproduction;
        const words = wordsOfCall(['reproduce', name], options, call);
        const how = { command: commandWords(words), runs: plan.length, force, report: options.report, bench };
        if (options.submit) submit(plan, { out: reproduction.out, call: words, last: { name, call: words } }, options);
        else if (options.dryRun) process.stdout.write(await planText(reproduction));
        else if (options.run !== undefined) await executeSomeRuns(plan, options.run, { words, force, bench }, options);
        else {
          const running = { ...how, sideBySide: await sideBySide(plan, words, options) };
          await executeCall(running, (executing) => reproduce(reproduction, executing));
        }
      } finally {
        await bench.dispose();
      }
    });
  // `--seeds` gives the seeds, the plan finds out which runs go on, and runs are named after their sections.
  return addSettingOptions(addSubmissionOptions(command), ['seed', 'resume', 'name']);
}

async function planText(reproduction: Reproduction): Promise<string> {
  const { table, plan, folder } = reproduction;
  const lines = await planLines(await imagesOf(reproduction), plan);
  return [
    `${table.title}: ${plan.length} runs, the report goes to ${folder}`,
    ...new Set(plan.map(({ experiment }) => dataNote(experiment))),
    '',
    textTable(lines),
    '',
    'W and A: sizes at the start, with fresh weights',
    '',
    ...plan.map((run) => commandOf(run)),
    '',
  ].join('\n');
}

/**
 * The images of a table, or those that a network of one's own is for: none are read for a dry run. An ONNX file that takes
 * the table's images gets as many outputs as these have classes.
 */
async function imagesOf({ table, plan }: Reproduction): Promise<PlannedImages> {
  const { network, data } = await withNetworkOfFile(plan[0]!.experiment);
  const { model, definition } = network;
  const { classes } = table.images;
  const side = data.imageSize ?? table.images.side;
  const imageShape = [side, side, 3] as const;
  if (!definition || (isOnnxFile(model) && definition.input.join() === imageShape.join()))
    return { classes, imageShape };
  return { classes: [definition.outputs].flat().at(-1)!, imageShape: definition.input };
}
