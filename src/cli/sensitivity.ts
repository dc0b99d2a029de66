/**
 * `mpdnn sensitivity`: the effect of each tensor's bits on the loss of a trained run, and other bits suggested by it.
 */

import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { userPath } from '../disk/userPath.js';
import { InputError } from '../errors.js';
import { kilobyteDecimals } from '../kilobytes.js';
import { riseText } from '../report/labels.js';
import { runSensitivity } from '../sensitivity/runSensitivity.js';
import type { Sensitivity, TensorSensitivity } from '../sensitivity/sensitivity.js';
import { namedMetric } from '../task.js';
import { addEvaluationOptions } from './evaluationOptions.js';
import { ifDrawable } from './pictures.js';
import { taskDisplay } from './progress.js';
import { textTable } from './textTable.js';

interface Options {
  readonly images: number;
  readonly fewer: number;
  readonly more: number;
  readonly last?: boolean;
  readonly json?: boolean;
  readonly plots: boolean;
  readonly out?: string;
  readonly device?: string;
  readonly threads?: string;
  readonly matmulPrecision?: string;
}

export function sensitivityCommand(): Command {
  const command = new Command('sensitivity')
    .description('loss of a trained run when one of its tensors gets other bits')
    .argument('<run>', 'a run folder')
    .addOption(count('--images <n>', 'largest number of images, none of them test images', 1, 1000))
    .addOption(count('--fewer <n>', 'measure up to this many bits less', 0, 2))
    .addOption(count('--more <n>', 'measure up to this many bits more', 0, 1))
    .option('--json', 'one JSON object on stdout')
    .addOption(new Option('--no-plots', 'draw no plot').conflicts('out'))
    .option('--out <dir>', 'folder for the plot (default: RUN/plots)', userPath)
    .action(async (root: string, options: Options) => {
      const { images, fewer, more, last = false, json, plots, out = join(root, 'plots'), ...overrides } = options;
      if (fewer + more === 0) throw new InputError('--fewer 0 --more 0: nothing is left to measure');
      const display = taskDisplay();
      const found = await runSensitivity(
        root,
        { overrides, last, images, reach: { fewer, more } },
        display.task,
      ).finally(display.stop);
      process.stdout.write(`${json ? JSON.stringify(found) : describe(found)}\n`);
      const drawn = plots ? await draw(root, out, found, display.line) : [];
      if (!json) for (const path of drawn) process.stdout.write(`${path}\n`);
    });
  return addEvaluationOptions(command);
}

function count(flags: string, words: string, least: number, fallback: number): Option {
  return new Option(flags, words).default(fallback).argParser((text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least)
      throw new InvalidArgumentError(`give a whole number from ${least} on`);
    return value;
  });
}

function describe({
  of,
  metric,
  images,
  learned,
  tensors,
  opinion,
}: Awaited<ReturnType<typeof runSensitivity>>): string {
  const steps = [...new Set(tensors.flatMap(({ bits, others }) => others.map((other) => other.bits - bits)))];
  steps.sort((a, b) => a - b);
  const rise = ({ bits, others }: TensorSensitivity, step: number) => {
    const other = others.find((each) => each.bits === bits + step);
    return other ? riseText(other.loss - learned.loss, 3) : '';
  };
  const titles = steps.map((step) => `${step < 0 ? '−' : '+'}${Math.abs(step)} bit${Math.abs(step) === 1 ? '' : 's'}`);
  const decimals = kilobyteDecimals(Math.max(...tensors.map(({ kbytesPerBit }) => kbytesPerBit)), 3);
  const rows = tensors.map((tensor, row) => [
    ...[tensor.tensor, tensor.role, String(tensor.bits), tensor.kbytesPerBit.toFixed(decimals)],
    ...steps.map((step) => rise(tensor, step)),
    opinion.bits[row] === tensor.bits ? '' : String(opinion.bits[row]),
  ]);
  const changed = opinion.bits.filter((bits, row) => bits !== tensors[row]!.bits).length;
  const verdict =
    changed === 0
      ? 'the same allocation from these losses gives every tensor the bits that it has'
      : `the same allocation from these losses, at no larger sizes, gives ${changed} of ${tensors.length} tensors other bits: ` +
        `${namedMetric(metric, opinion.error)}, loss ${opinion.loss.toFixed(4)}, without training`;
  return [
    `${namedMetric(metric, learned.error)}  loss ${learned.loss.toFixed(4)}  on ${images} ${of} images`,
    'the loss rises by so much where one tensor alone has other bits:',
    '',
    textTable([['tensor', 'role', 'bits', 'kB a bit', ...titles, 'second opinion'], ...rows]),
    '',
    verdict,
  ].join('\n');
}

/** Draws the picture and returns its paths; without the optional packages a line says which are missing. */
async function draw(root: string, out: string, found: Sensitivity, line: (text: string) => void): Promise<string[]> {
  const { sensitivityPlot, writePlot } = await import('../report/index.js');
  const rows = found.tensors.map(({ others, ...tensor }) => ({
    ...tensor,
    rises: others.map(({ bits, loss }) => ({ bits, rise: loss - found.learned.loss })),
  }));
  const paths = await ifDrawable(() => writePlot(sensitivityPlot(root, rows), out, 'sensitivity'), line);
  return paths ?? [];
}
