/** `mpdnn front`: error over size of a network, for every way to choose bits. */

import { Command, InvalidArgumentError, Option } from 'commander';
import { makeFront } from '../front/front.js';
import { type Front, planFront } from '../front/frontPlan.js';
import { type QuantizedWay, quantizedWays } from '../front/ways.js';
import { planLines } from '../reproduce/planLines.js';
import { commandOf } from '../reproduce/report.js';
import { openWorkbench } from '../runs/workbench.js';
import { commandWords } from '../settings/index.js';
import { readConfigFile } from '../settings/readConfigFile.js';
import { addSettingOptions, tuningFile } from './options.js';
import { addPlanOptions, executeCall, executeSomeRuns, type PlanOptions, wordsOfCall } from './planCall.js';
import { taskDisplay } from './progress.js';
import { sideBySide } from './sideBySide.js';
import { addSubmissionOptions, refuseSubmissionOptions, settingsAmong, submit } from './submission.js';
import { textTable } from './textTable.js';

interface Options extends PlanOptions {
  readonly cfg: string;
  readonly budgets?: readonly number[];
  readonly targetActivationKbytes?: number;
  readonly narrow?: readonly number[];
  readonly only?: readonly QuantizedWay[];
  readonly variants?: string;
  readonly variantBudgets?: readonly number[];
}

export function frontCommand(): Command {
  const command = addPlanOptions(new Command('front'))
    .description(
      'train a network at several budgets, with learned bits and other ways to choose them, and compare errors over size',
    )
    .argument('[experiment]', 'section of the float network', 'DEFAULT')
    .option('--cfg <file>', 'the .cfg file', 'configs/train_resnet_quant_fp.cfg')
    .addOption(new Option('--budgets <list>', 'kB of all weights together, such as 70,100').argParser(budgetList))
    .addOption(
      new Option('--target-activation-kbytes <n>', 'budget of the activations; without it they stay float').argParser(
        kbytes,
      ),
    )
    .addOption(
      new Option(
        '--narrow <bits>',
        'narrower networks to compare with, by the bits of their weights, or none (default: 2,4)',
      ).argParser(bitsList),
    )
    .addOption(
      new Option('--only <ways>', `the ways to train, of ${quantizedWays.join(', ')} (default: all)`).argParser(
        waysList,
      ),
    )
    .option('--variants <file>', 'a .cfg file whose sections are variants of learned bits')
    .addOption(
      new Option('--variant-budgets <list>', 'budgets at which variants are trained (default: all)').argParser(
        budgetList,
      ),
    )
    .action(async (section: string, options: Options, call: Command) => {
      const { cfg, budgets, targetActivationKbytes: activationKbytes, narrow, only, ...rest } = options;
      const { variants, variantBudgets, seeds, out, quick = false, force = false, autotune, ...others } = rest;
      const wanted = {
        file: readConfigFile(cfg),
        section,
        budgets,
        activationKbytes,
        narrow,
        only,
        variants: variants === undefined ? undefined : readConfigFile(variants),
        variantBudgets,
        seeds,
        out,
        settings: settingsAmong(others),
        quick,
      };
      refuseSubmissionOptions(options);
      const bench = openWorkbench({ tuningFile: tuningFile(autotune) });
      try {
        const loading = taskDisplay();
        const front = await planFront(wanted, bench, loading.task).finally(loading.stop);
        const { plan, folder } = front;
        const words = wordsOfCall(['front', section], options, call);
        const how = { command: commandWords(words), runs: plan.length, force, report: options.report, bench };
        if (options.submit) submit(plan, { out: folder, call: words, last: { name: 'report', call: words } }, options);
        else if (options.run !== undefined) await executeSomeRuns(plan, options.run, { words, force, bench }, options);
        else if (options.dryRun) process.stdout.write(await planText(front));
        else {
          const running = { ...how, sideBySide: await sideBySide(plan, words, options) };
          await executeCall(running, (executing) => makeFront(front, executing));
        }
      } finally {
        await bench.dispose();
      }
    });
  // `--seeds` gives the seeds, and the plan itself sets the keys in which the ways to choose bits differ.
  return addSettingOptions(addSubmissionOptions(command), [
    ...['seed', 'resume', 'name', 'w_quantize', 'a_quantize', 'w_bitwidth', 'a_bitwidth', 'layers'],
    ...['budget', 'budget_search', 'target_weight_kbytes'],
  ]);
}

async function planText({ plan, images, folder, file, text }: Front): Promise<string> {
  return [
    `${plan.length} runs, the report goes to ${folder}/report`,
    '',
    textTable(await planLines(images, plan)),
    '',
    'W and A: sizes at the start, before bits are learned or given',
    '',
    ...plan.map((run) => commandOf(run)),
    '',
    `${file.path}:`,
    '',
    text,
  ].join('\n');
}

function kbytes(text: string): number {
  const [budget = 0, ...others] = budgetList(text);
  if (others.length === 0) return budget;
  throw new InvalidArgumentError('give one number of kB, such as 8.1');
}

function budgetList(text: string): number[] {
  const budgets = text.split(',').map(Number);
  if (!budgets.every((each) => each > 0 && Number.isFinite(each))) {
    throw new InvalidArgumentError('give kB, such as 40,70,100');
  }
  if (new Set(budgets).size < budgets.length) throw new InvalidArgumentError('a budget stands twice');
  return budgets.sort((a, b) => a - b);
}

function waysList(text: string): QuantizedWay[] {
  const words = text.split(',');
  const known = quantizedWays.filter((way) => words.includes(way));
  if (known.length === words.length) return known;
  throw new InvalidArgumentError(`give ways among ${quantizedWays.join(', ')}`);
}

function bitsList(text: string): number[] {
  const all = text === 'none' ? [] : text.split(',').map(Number);
  if (all.every((bits) => Number.isInteger(bits) && bits >= 2 && bits <= 16)) return all;
  throw new InvalidArgumentError('give bits, such as 2,4,8, or none');
}
