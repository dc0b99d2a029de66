/** `net.c`: the constants of each layer, the functions that they need, and the two public functions. */

import type { SizedAxisWindow } from '../../ops/window.js';
import { storedBytes } from '../arena.js';
import { streamBytes } from '../bitStream.js';
import {
  type ClassifierLayer,
  convolves,
  type IntegerLayer,
  type IntegerNetwork,
  type IntegerTensor,
  type IntegerWeights,
  inputOf,
  isLast,
  type LastLayer,
  largestTotal,
  leastOf,
  outputsOf,
  weightsOfLayer,
} from '../integerNetwork.js';
import { weightBytesOf } from '../packedFile.js';
import { type Coding, codeOf, codingOf, packCodes } from './codes.js';
import { type Codes, functionsOf } from './kernels.js';
import { listOf } from './literals.js';
import {
  type ConvolutionPlan,
  type Elements,
  guardBytes,
  type Plan,
  type ProductPlan,
  sharedBytes,
  type View,
} from './plan.js';
import { processors, structures } from './structures.js';

/** Tables of numbers a channel, and their bytes. */
interface Constant {
  readonly type: string;
  readonly name: string;
  readonly values: ArrayLike<number | bigint>;
}

const biasTypes = {
  narrow: 'uint32_t',
  high: 'uint64_t',
  wide: 'uint64_t',
  table: 'int64_t',
  logits: 'logit',
} as const;

const bytesOf: Readonly<Record<string, number>> = {
  ...{ uint8_t: 1, int16_t: 2, int32_t: 4, uint32_t: 4, int64_t: 8, uint64_t: 8 },
};

/** Tells whether logits, or their intermediate sums, need 64 bits. */
export function hasWideLogits(layer: LastLayer): boolean {
  if (layer.op === 'outputs') return largestTotal(layer) >= 2 ** 31;
  const { logits, sums, shifts, bias, biasFactor, biasShift } = layer;
  // At least 1, since C's factors need as many bits where all sums or all biases are 0.
  const largestSum = Math.max(1, sums.hi, -sums.lo) * 2 ** Math.max(...shifts);
  const largestBias = Math.max(1, ...bias.values.map(Math.abs)) * biasFactor * 2 ** biasShift;
  return Math.max(largestSum, largestBias, logits.hi, -logits.lo) >= 2 ** 31;
}

/** Bytes of a logit in C. */
export function logitBytes(network: IntegerNetwork): 4 | 8 {
  return hasWideLogits(outputsOf(network).layer) ? 8 : 4;
}

/** Bytes of multipliers, biases, shifts and tables. */
export function constantBytes(plan: Plan): number {
  const logit = logitBytes(plan.network);
  return constantsOf(plan).reduce((sum, { type, values }) => sum + (bytesOf[type] ?? logit) * values.length, 0);
}

/** The text of `net.c`. */
export function networkSource(plan: Plan, name: string): string {
  const { network } = plan;
  const layers = network.layers.flatMap((layer, index) => layerConstants(plan, layer, index)).join('\n');
  const run = runFunction(plan, name);
  const codes = codesOf(plan);
  const functions = functionsOf(layers + run, codes);
  return `\
/* An integer network, written by mpdnn export; ${name}.h says what it needs and gives. */

#include "${name}.h"

#include <string.h>

${processors}
/* A program that defines ${name.toUpperCase()}_TRACE gets every tensor that a layer writes. */
#ifdef ${name.toUpperCase()}_TRACE
void ${name.toUpperCase()}_TRACE(int32_t layer, const uint8_t *tensor, uint32_t bytes);
#define TRACE(layer, offset, bytes) ${name.toUpperCase()}_TRACE(layer, arena + (offset), bytes)
#else
#define TRACE(layer, offset, bytes) (void)0
#endif

/* Sums of a row of a band, of its pixels, in pairs, by four channels; and elements of a row of the window. */
#define SUMS_OF_ROW(l) (4 * (((int32_t)(l)->width + 1) & ~1))
#define SUMS_OF_BAND(l) ((l)->band * SUMS_OF_ROW(l))
#define ROW_LENGTH(p) (((int32_t)(p)->columns.before + (p)->input.width + (p)->after) * (p)->depth)

${structures(codes)}
${buffers(plan)}${codes.outputs ? `typedef ${name}_logit logit;\n` : ''}
${imageConstants(plan)}${weightStreams(plan)}${channelConstants(plan)}
${functions}
${layers}
${run}`;
}

function codesOf({ network, convolutions }: Plan): Codes {
  const plans = [...convolutions.values()];
  const weights = network.layers.flatMap(weightsOfLayer);
  const read = [...network.layers.flatMap((layer) => (isLast(layer) ? [] : [layer.output])), ...weights];
  return {
    tables: plans.some(({ requantizer }) => requantizer === 'table'),
    powers: read.some(({ grid }) => grid.type === 'powers'),
    outputs: plans.some(({ requantizer }) => requantizer === 'logits'),
    grouped: plans.some(({ products }) => products.some(({ product: { groups } }) => groups > 1)),
    dilated: plans.some(({ products }) => products.some(({ product: { window } }) => window.columns.dilation > 1)),
    ones: weights.some(({ bits }) => bits === 0),
    multipliers: narrowMultipliers(plans),
  };
}

/** The type that holds all multipliers of narrow requantizations. */
function narrowMultipliers(plans: readonly ConvolutionPlan[]): Codes['multipliers'] {
  const isSmall = (value: number) => value >= -(2 ** 15) && value < 2 ** 15;
  const small = plans.every(
    ({ requantizer, multipliers }) => requantizer !== 'narrow' || multipliers.every((values) => values.every(isSmall)),
  );
  return small ? 'int16_t' : 'int32_t';
}

function buffers({ arena, buffers: { window, filters, accumulators } }: Plan): string {
  return `\
static uint8_t arena[${arena.bytes + guardBytes}];
${sharedBuffer('window', window)}${sharedBuffer('filters', filters)}\
static int32_t sums[${accumulators}];
`;
}

/** A buffer for words, and in the same place for integers of 16 bits. */
function sharedBuffer(name: string, elements: Readonly<Record<Elements, number>>): string {
  const words = sharedBytes(elements) / 4;
  return `static union { int32_t wide[${words}]; int16_t narrow[${2 * words}]; } ${name};\n`;
}

function imageConstants({ network }: Plan): string {
  const input = inputOf(network);
  return `#define IMAGE_SCALE ${input.scale}\nstatic const int32_t image_offsets[] = ${listOf(input.offsets)};\n\n`;
}

/**
 * All weights as streams, one tensor after another; the filters of an output channel are contiguous, in the order of
 * the window.
 */
function weightStreams({ network }: Plan): string {
  const streams = network.layers.flatMap((layer) =>
    weightsOfLayer(layer).map((weights) => packCodes(inOrderOfUse(weights), weights.grid, weights.bits)),
  );
  return `static const uint8_t weights[] = ${listOf([...streams.flatMap((stream) => [...stream]), ...new Uint8Array(guardBytes)])};\n`;
}

/** The offset of a layer's tensor of weights, in C. */
function weightsAt({ network }: Plan, index: number, part: number): string {
  const before = network.layers.slice(0, index).reduce((sum, layer) => sum + weightBytesOf(layer), 0);
  const own = weightsOfLayer(network.layers[index]!).slice(0, part);
  return `weights + ${own.reduce((sum, { values, bits }) => sum + streamBytes(values.length, bits), before)}`;
}

/** Weights with the output channel as the first axis instead of the last. */
function inOrderOfUse({ values, shape }: IntegerWeights): Int32Array {
  const channels = shape.at(-1)!;
  const length = values.length / channels;
  return values.map((_, index) => values[(index % length) * channels + Math.floor(index / length)]!);
}

function channelConstants(plan: Plan): string {
  return constantsOf(plan)
    .map(
      ({ type, name, values }) =>
        `static const ${type} ${name}[] = ${listOf(Array.from(values as ArrayLike<number>))};\n`,
    )
    .join('');
}

function constantsOf({ network, convolutions }: Plan): Constant[] {
  const narrow = narrowMultipliers([...convolutions.values()]);
  return network.layers.flatMap((layer, index): Constant[] => {
    if (layer.op === 'classifier') return [{ type: 'uint8_t', name: 'logit_shifts', values: layer.shifts }];
    if (!convolves(layer)) return [];
    const { requantizer, multipliers, biases, shifts } = convolutions.get(layer)!;
    const { table } = layer.requantization;
    const { grid, bits } = layer.output;
    const isNarrow = requantizer === 'narrow';
    const factors = multipliers.flatMap((values) => [...values]);
    return [
      { type: isNarrow ? narrow : 'int32_t', name: `multipliers_${index}`, values: factors },
      { type: biasTypes[requantizer], name: `biases_${index}`, values: biases },
      { type: 'uint8_t', name: `shifts_${index}`, values: shifts },
      ...(table
        ? [
            { type: 'int64_t', name: `thresholds_${index}`, values: table.thresholds },
            {
              type: 'uint8_t',
              name: `codes_${index}`,
              values: Array.from(table.values, (value) => codeOf(value, grid, bits)),
            },
          ]
        : []),
    ].filter(({ values }) => values.length > 0);
  });
}

/** The structure of a convolution. */
function layerConstants(plan: Plan, layer: IntegerLayer, index: number): string[] {
  if (layer.op === 'maxPool' || layer.op === 'sumPool') {
    return [`static const struct view view_${index} = ${viewOf(plan.viewOf(layer.input))};\n`];
  }
  if (layer.op === 'arrange') {
    const views = layer.inputs.map((input) => `  ${viewOf(plan.viewOf(input))},\n`).join('');
    const sources = layer.sources
      .map(({ input, channel }) => `{${channel}, ${input}, ${layer.shifts[input]}}`)
      .join(', ');
    return [
      `static const struct view views_${index}[] = {\n${views}};\n`,
      `static const struct source sources_${index}[] = {${sources}};\n`,
    ];
  }
  if (!convolves(layer)) return [];
  const planned = plan.convolutions.get(layer)!;
  return [
    `static const struct product products_${index}[] = {\n${planned.products.map((each, part) => productOf(each, planned.elements, weightsAt(plan, index, part))).join('')}};`,
    `static const struct layer layer_${index} = {\n${layerOf(planned, index)}};\n`,
  ];
}

function productOf(plan: ProductPlan, elements: Elements, stream: string): string {
  const { product, view, factor, depth, slots, windowStart } = plan;
  const { weights, depthwise, groups, window, input } = product;
  const form = depthwise ? 'depthwise_' : groups > 1 ? 'grouped_' : '';
  const [rows, columns] = weights.shape as [number, number];
  return `\
  {
    .input = ${viewOf(view)},
    .load = load_${view.offset === null ? 'image_' : ''}${elements}, .sum = sum_${form}${elements},
    .weights = ${factor ? `arena + ${factor.offset}` : stream}, .coding = ${codingText(factor?.coding ?? codingOf(weights.grid, weights.bits))},
    .channels = ${input.shape[2]! / groups}, .depth = ${depth}, .window = ${windowStart}, .slots = ${slots},
    .rows = ${axisText({ ...window.rows, size: rows })}, .columns = ${axisText({ ...window.columns, size: columns })}, .after = ${window.columns.after},
${groups > 1 ? `    .together = ${weights.shape.at(-1)! / groups},\n` : ''}\
  },
`;
}

function layerOf(plan: ConvolutionPlan, index: number): string {
  const { layer, products, addend, requantizer, shifts, least, outputOffset, band } = plan;
  const { output, requantization } = layer;
  const [height, width, channels] = output.shape;
  const { grid } = output;
  const { table } = requantization;
  const most = table ? table.thresholds.length : grid.hi - leastOf(grid);
  // Lists without an element are no constants of C.
  const constants = [
    ...(shifts.length > 0 ? ['shifts'] : []),
    ...(table && table.thresholds.length > 0 ? ['thresholds'] : []),
    ...(table ? ['codes'] : []),
  ];
  const requantize = requantizer === 'logits' ? '' : `.requantize = requantize_${requantizer}, `;
  const stored =
    outputOffset === null
      ? ''
      : `  .output = ${outputOffset}, .coding = ${codingText(codingOf(grid, output.bits))}, .lo = ${least}u, .most = ${most},\n`;
  return `\
  .products = products_${index}, .product_count = ${products.length}, .band = ${band},
  ${requantize}.multipliers = multipliers_${index}, .biases = biases_${index},
${constants.map((field) => `  .${field} = ${field}_${index},\n`).join('')}\
${addend ? `  .addend = ${viewOf(addend)},\n` : ''}\
  .addend_shift = ${requantization.addendShift}, .output_shift = ${requantization.outputShift},
  .height = ${height}, .width = ${width}, .channels = ${channels},
${stored}\
`;
}

function viewOf({ offset, height, width, channels, sourceWidth, step, coding }: View): string {
  return (
    `{.offset = ${offset ?? 0}, .height = ${height}, .width = ${width}, .channels = ${channels}, ` +
    `.source_width = ${sourceWidth}, .step = ${step}, .coding = ${codingText(coding)}}`
  );
}

function axisText({ size, stride, before, dilation }: SizedAxisWindow): string {
  return `{${size}, ${stride}, ${before}, ${dilation}}`;
}

function codingText({ bits, powers, zero }: Coding): string {
  return `{${bits}, ${powers ? 1 : 0}, ${zero}}`;
}

/** The public functions. */
function runFunction(plan: Plan, name: string): string {
  const { network, arena } = plan;
  const given = outputsOf(network).layer.op === 'outputs' ? 'image, logits' : 'image';
  const calls = network.layers.map((layer, index) => {
    switch (layer.op) {
      case 'input':
      case 'subsample':
        return '';
      case 'convolution':
        return `  convolve(&layer_${index}, ${given});\n${traced(plan, layer.output, index)}`;
      case 'maxPool': {
        const offset = arena.offsets.get(layer.output.name)!;
        const [height, width] = layer.output.shape;
        const [rows, columns] = [layer.window.rows, layer.window.columns].map(
          (axis) => `(struct axis)${axisText(axis)}`,
        );
        const sizes = [offset, height, width, rows, columns].join(', ');
        return `  max_pool(&view_${index}, ${sizes});\n${traced(plan, layer.output, index)}`;
      }
      case 'arrange': {
        const { output, sources } = layer;
        const offset = arena.offsets.get(output.name)!;
        const sizes = [offset, output.shape[0]! * output.shape[1]!, sources.length].join(', ');
        const coding = `(struct coding)${codingText(codingOf(output.grid, output.bits))}`;
        return `  arrange(views_${index}, sources_${index}, ${sizes}, ${coding});\n${traced(plan, layer.output, index)}`;
      }
      case 'sumPool': {
        const offset = arena.offsets.get(layer.output.name)!;
        return `  sum_pool(&view_${index}, ${offset});\n${traced(plan, layer.output, index)}`;
      }
      case 'outputs':
        return `  convolve(&layer_${index}, ${given});\n`;
      case 'classifier':
        return classifierCode(plan, layer, index);
      default:
        return layer satisfies never;
    }
  });
  const macro = name.toUpperCase();
  return `\
void ${name}_run(const uint8_t *image, ${name}_logit *logits)
{
${calls.join('')}}

int32_t ${name}_class_of(const ${name}_logit *logits)
{
  int32_t best = 0;
  for (int32_t i = 1; i < ${macro}_CLASSES; i++)
    if (logits[i] > logits[best]) best = i;
  return best;
}
`;
}

/** The call that shows a stored tensor to a program that traces. */
function traced({ arena }: Plan, output: IntegerTensor, index: number): string {
  return `  TRACE(${index}, ${arena.offsets.get(output.name)!}, ${storedBytes(output)});\n`;
}

function classifierCode(plan: Plan, layer: ClassifierLayer, index: number): string {
  const { input, weights, bias, biasFactor, biasShift } = layer;
  const view = plan.viewOf(input);
  const [inputs, outputs] = weights.shape as [number, number];
  const type = hasWideLogits(layer) ? 'int64_t' : 'int32_t';
  const isSum = plan.network.layers.some((each) => each.op === 'sumPool' && each.output === input);
  const x = isSum
    ? `int32_t x;
      memcpy(&x, arena + ${view.offset} + 4 * i, sizeof x);`
    : `const int32_t x = integer_of(code_at(arena + ${view.offset}, i * ${view.coding.bits}u, ${view.coding.bits}u), &inputs);`;
  const factor = biasFactor * 2 ** biasShift;
  return `\
  static const struct coding coding = ${codingText(codingOf(weights.grid, weights.bits))};
${isSum ? '' : `  static const struct coding inputs = ${codingText(view.coding)};\n`}\
  static const struct coding biases = ${codingText(codingOf(bias.grid, bias.bits))};
  for (uint32_t o = 0; o < ${outputs}u; o++) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < ${inputs}u; i++) {
      ${x}
      sum += x * integer_of(code_at(${weightsAt(plan, index, 0)}, (o * ${inputs}u + i) * ${weights.bits}u, ${weights.bits}u), &coding);
    }
    logits[o] = sum * ((${type})1 << logit_shifts[o]);
    logits[o] += integer_of(code_at(${weightsAt(plan, index, 1)}, o * ${bias.bits}u, ${bias.bits}u), &biases) * (${type})${factor};
  }
`;
}
