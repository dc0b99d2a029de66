/** export.md: what was exported, for people. */

import { kilobytesText } from '../kilobytes.js';
import type { ActivationType } from '../quant/index.js';
import type { ExportSummary } from './exportRun.js';
import type { NpuMismatches } from './npuMismatches.js';

/**
 * The table of layers, sizes beside the budget, and what was checked, as Markdown. `budgetOf`: the activations that the
 * budget counts; activations at once are beside it only if it counts these.
 */
export function exportDocument(summary: ExportSummary, budgetOf: ActivationType): string {
  const { bytes, budget_kb, checks, files, layers } = summary;
  const proven = layers.filter((layer) => layer.proven).length;
  const rounded = layers.filter((layer) => layer.proven !== null).length;
  return [
    `# \`${summary.run}\` in integers`,
    '',
    `Made by mixed-precision-dnns ${summary.version}. ${proven} of ${rounded} layers that round are proven equal to the`,
    'trained network in float64 at every accumulator that they can reach.',
    '',
    '| | bytes | |',
    '|---|---:|---|',
    `| weights | ${bytes.weights} | training counts ${kilobytesText(summary.weights_kb, 2)} kB${ofBudget(budget_kb.weights)}, with all biases |`,
    `| constants | ${bytes.constants} | multipliers, biases, shifts, tables |`,
    `| activations at once | ${bytes.ram} | the arena${summary.activations_peak_kb === null ? '' : `; training counts ${kilobytesText(summary.activations_peak_kb, 2)} kB`}${budgetOf === 'peak' ? ofBudget(budget_kb.activations) : ''} |`,
    ...(bytes.c_ram === null
      ? []
      : [
          `| memory of the C program | ${bytes.c_ram} | the arena, and rows, filters and sums on the way |`,
          `| constants of the C program | ${bytes.c_constants} | the constants above, in the types of C |`,
          `| code of the C program | ${bytes.c_code ?? 'not measured'} | ${codeNote(bytes.c_code)} |`,
        ]),
    '',
    ...(files.includes('export.svg') ? ['![bytes of each layer, and what is proven of it](export.svg)', ''] : []),
    `${summary.macs} multiplications an image.`,
    '',
    '| layer | weights | bits | constants | output bits | multiplications | |',
    '|---|---:|---:|---:|---:|---:|---|',
    ...layers.map(
      ({ name, weightBytes, weightBits, constantBytes, activationBits, macs, reason }) =>
        `| ${name} | ${weightBytes} | ${weightBits ?? ''} | ${constantBytes} | ${activationBits ?? ''} | ${macs} | ${reason} |`,
    ),
    '',
    '| checked | activations that differ | logits that differ | images |',
    '|---|---:|---:|---:|',
    ...Object.entries(checks).map(
      ([engine, { activations, logits, images }]) => `| ${engine} | ${activations} | ${logits} | ${images} |`,
    ),
    ...(summary.npu_mismatches ? ['', mismatchLine(summary.npu_mismatches)] : []),
    '',
  ].join('\n');
}

/**
 * The number of differences between a model for accelerators, which is not exact, and the integer network, in words.
 */
export function mismatchLine({ images, activations, logits, predictions }: NpuMismatches): string {
  const counted = { activations, logits, ...(predictions.all > 0 && { predictions }) };
  const shares = Object.entries(counted).map(([what, { different, all }]) => `${different} of ${all} ${what}`);
  const listed = new Intl.ListFormat('en-GB').format(shares);
  return `net.onnx is of the profile npu, which is not exact: over ${images} images ${listed} differ`;
}

function codeNote(code: number | null): string {
  const compiled = 'on a Cortex-M4, arm-none-eabi-gcc -O2, descriptions of layers included';
  return code === null ? 'arm-none-eabi-gcc is not installed' : compiled;
}

function ofBudget(kbytes: number | null): string {
  return kbytes === null ? '' : ` of ${kbytes} kB`;
}
