/** `mpdnn export`: a trained run as an integer network for devices. */

import { basename, dirname, extname, join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { mismatchLine } from '../deploy/exportDocument.js';
import {
  type ExportContent,
  type ExportFormat,
  type ExportSummary,
  exportFormats,
  exportRun,
  type OnnxProfile,
  onnxProfiles,
} from '../deploy/exportRun.js';
import { openTrained } from '../deploy/trainedNetwork.js';
import { userPath } from '../disk/userPath.js';
import { InputError } from '../errors.js';
import { kilobytesText } from '../kilobytes.js';
import { isParametersFile } from '../runs/evaluationData.js';
import { lockFolder } from '../runs/lock.js';
import { usualForms } from '../ship/shippable.js';
import { tellingUnfinished } from './evaluationOptions.js';
import { ifDrawable } from './pictures.js';
import { taskDisplay } from './progress.js';
import { textTable } from './textTable.js';

interface Options {
  readonly to: ReadonlySet<ExportFormat>;
  readonly profile: OnnxProfile;
  readonly packed?: boolean;
  readonly out?: string;
  readonly force?: boolean;
  readonly last?: boolean;
  readonly json?: boolean;
  readonly plots: boolean;
}

export function exportCommand(): Command {
  const command = new Command('export')
    .description('write a trained run as a network of integers, proven equal to it: ONNX, C99 and a packed file')
    .argument('<run>', 'a run folder, or a file of parameters')
    .addOption(
      new Option('--to <formats>', `formats to write, of ${exportFormats.join(', ')}`)
        .argParser(formatSet)
        .default(new Set<ExportFormat>(usualForms), usualForms.join()),
    )
    .addOption(
      new Option(
        '--profile <name>',
        'operators of net.onnx: exact, or npu, which accelerators can fuse but which is not exact',
      )
        .choices(onnxProfiles)
        .default('exact'),
    )
    .option('--packed', 'ONNX weights of 2 and 4 bits as int2 and int4 (operator set 25 and 21)')
    .option('--out <dir>', 'folder to write (default: RUN/export, for a file FILE-export)', userPath)
    .option('--force', 'replace an existing folder')
    .option('--last', 'the last parameters instead of the best')
    .option('--no-plots', 'draw no plot')
    .option('--json', 'one JSON object on stdout, the content of export.json')
    .action(
      async (root: string, { to, profile, packed = false, out, force = false, last = false, json, plots }: Options) => {
        refuseWithoutEffect(to, profile, packed);
        const folder = out ?? exportFolder(root);
        const { task, stop } = taskDisplay();
        const trained = await openTrained(root, last, (done, total) => task('proving the integers', done, total));
        const lock = await lockFolder(folder, { does: 'exports', onLine: printLine });
        const options = { formats: to, profile, packed, out: folder, force, task, ...(plots ? { draw } : {}) };
        const summary = await exportRun(trained, options).finally(() => {
          stop();
          lock.release();
        });
        process.stdout.write(json ? `${JSON.stringify(summary)}\n` : `${describe(summary, folder)}\n`);
      },
    );
  return tellingUnfinished(command);
}

/** Throws an `InputError` for options of net.onnx that would change nothing. */
function refuseWithoutEffect(formats: ReadonlySet<ExportFormat>, profile: OnnxProfile, packed: boolean): void {
  const given = [...(profile === 'exact' ? [] : [`--profile ${profile}`]), ...(packed ? ['--packed'] : [])];
  if (given.length > 0 && !formats.has('onnx')) {
    throw new InputError(`${given.join(' ')}: no effect without onnx in --to ${[...formats].join()}; leave it out`);
  }
  if (given.length > 1)
    throw new InputError('--packed: no effect with --profile npu, whose weights have 8 bits; leave it out');
}

function printLine(text: string): void {
  process.stderr.write(`${text}\n`);
}

function exportFolder(root: string): string {
  return isParametersFile(root) ? join(dirname(root), `${basename(root, extname(root))}-export`) : join(root, 'export');
}

/** Draws the picture beside export.md; without the optional packages a line says which are missing. */
async function draw(summary: ExportContent): Promise<ReadonlyMap<string, string | Uint8Array>> {
  const { drawPlot, exportPlot } = await import('../report/index.js');
  const files = await ifDrawable(() => drawPlot(exportPlot(summary), 'export'), printLine);
  return files ?? new Map();
}

function describe(summary: ExportSummary, folder: string): string {
  const { layers, bytes, budget_kb, weights_kb, macs, checks, files, npu_mismatches: mismatches } = summary;
  const table = [
    ['layer', 'weights', 'bits', 'constants', 'output bits', 'MACs', ''],
    ...layers.map(({ name, weightBytes, weightBits, constantBytes, activationBits, macs: own, reason }) =>
      [name, weightBytes, weightBits ?? '-', constantBytes, activationBits ?? '-', own, reason].map(String),
    ),
  ];
  const budget = budget_kb.weights === null ? '' : ` of a budget of ${budget_kb.weights} kB`;
  return [
    textTable(table),
    '',
    `weights ${bytes.weights} B; training counts ${kilobytesText(weights_kb, 2)} kB${budget}, with all biases`,
    `constants ${bytes.constants} B, activations at once ${bytes.ram} B${program(bytes)}, ${macs} MACs an image`,
    ...Object.entries(checks).map(
      ([engine, { activations, logits, images }]) =>
        `${engine}: ${activations} activations and ${logits} logits differ over ${images} images`,
    ),
    ...(mismatches ? [mismatchLine(mismatches)] : []),
    `${folder}: ${files.join(', ')}`,
  ].join('\n');
}

/** Memory and code size of the C program, in words. */
function program({ c_ram, c_constants, c_code }: ExportSummary['bytes']): string {
  if (c_ram === null) return '';
  const code = c_code === null ? 'code not measured without arm-none-eabi-gcc' : `code ${c_code} B on a Cortex-M4`;
  return `, memory of the C program ${c_ram} B, its constants ${c_constants} B, ${code}`;
}

function formatSet(text: string): ReadonlySet<ExportFormat> {
  return new Set(
    text.split(',').map((word) => {
      const format = exportFormats.find((each) => each === word.trim());
      if (!format) throw new InvalidArgumentError(`name some of ${exportFormats.join(', ')}`);
      return format;
    }),
  );
}
