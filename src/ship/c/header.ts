/** `net.h`: the network's memory in bytes, its input and its output. */

import {
  type InputLayer,
  type IntegerNetwork,
  inputOf,
  multiplications,
  type Outputs,
  outputsOf,
} from '../integerNetwork.js';
import { quoted } from './literals.js';
import { constantBytes, hasWideLogits } from './networkSource.js';
import { guardBytes, type Plan, sharedBytes, weightBytes } from './plan.js';

/** Names of the classes, or numbers if they have no names. */
function classNames({ network }: Plan): readonly string[] {
  const { classes } = outputsOf(network);
  return network.classes.length === classes
    ? network.classes
    : Array.from({ length: classes }, (_, index) => `${index}`);
}

/** Static memory of all kinds. */
export function ramBytes({ arena, buffers }: Plan): number {
  return (
    arena.bytes + guardBytes + sharedBytes(buffers.window) + sharedBytes(buffers.filters) + 4 * buffers.accumulators
  );
}

/** The conversion of inputs to bytes, in words; its numbers are macros. */
function bytesText(macro: string, { quantization }: InputLayer): string {
  if (!quantization) return '';
  const [scale, offset, step, limit] = ['SCALES', 'OFFSETS', 'STEP', 'LIMIT'].map((word) => `${macro}_INPUT_${word}`);
  return `
 * A number v of channel c becomes (v * ${scale}[c] + ${offset}[c]) / ${step}, rounded, halves away from
 * zero, cut at -${limit} and ${limit}, and 128 more is the byte.`;
}

/** The numbers of the conversion of inputs to bytes. */
function bytesNumbers(macro: string, { quantization }: InputLayer): string {
  if (!quantization) return '';
  const { scale, offset, step, limit } = quantization;
  return `\
#define ${macro}_INPUT_SCALES {${scale.join(', ')}}
#define ${macro}_INPUT_OFFSETS {${offset.join(', ')}}
#define ${macro}_INPUT_STEP ${step}
#define ${macro}_INPUT_LIMIT ${limit}
`;
}

/** The definition of a list of names. */
function namesText(macro: string, names: readonly string[]): string {
  return `#define ${macro} {${names.map(quoted).join(', ')}}\n`;
}

/** What the bytes of the input are, in words. */
function inputText(macro: string, { columns }: IntegerNetwork): string {
  return columns
    ? `A line of a table: a byte for each column, in the order of ${macro}_COLUMN_NAMES.`
    : 'An image: bytes, row by row, the channels of a pixel together.';
}

/** The size of the map if every pixel has logits. */
function mapText(macro: string, { shape, classes }: Outputs): string {
  const [height, width] = shape.length === 3 ? shape : [1, 1];
  const map = `
/* Logits: row by row, those of the classes of a pixel together. */
#define ${macro}_OUTPUT_HEIGHT ${height}
#define ${macro}_OUTPUT_WIDTH ${width}
`;
  return `${shape.length === 3 ? map : ''}#define ${macro}_OUTPUTS ${height! * width! * classes}\n`;
}

/** The text of `net.h`. */
export function header(plan: Plan, name: string): string {
  const { network, arena, buffers, convolutions } = plan;
  const outputs = outputsOf(network);
  const names = classNames(plan);
  const macro = name.toUpperCase();
  const inputs = inputOf(network);
  const [height, width, channels] = inputs.output.shape as [number, number, number];
  const window = sharedBytes(buffers.window);
  const filters = sharedBytes(buffers.filters);
  const wide = hasWideLogits(outputs.layer);
  const needs64 =
    wide || [...convolutions.values()].some(({ requantizer }) => requantizer !== 'narrow' && requantizer !== 'logits');
  return `\
/* An integer network, written by mpdnn export: C99, no floats, no memory but its own. */

#ifndef ${macro}_H
#define ${macro}_H

#include <stdint.h>

/* ${inputText(macro, network)}${bytesText(macro, inputs)} */
#define ${macro}_HEIGHT ${height}
#define ${macro}_WIDTH ${width}
#define ${macro}_CHANNELS ${channels}
#define ${macro}_INPUTS ${height * width * channels}
${bytesNumbers(macro, inputs)}${network.columns ? namesText(`${macro}_COLUMN_NAMES`, network.columns) : ''}
#define ${macro}_CLASSES ${names.length}
${namesText(`${macro}_CLASS_NAMES`, names)}${mapText(macro, outputs)}
/* Bytes behind the weights and behind the arena, as both are read by words. */
#define ${macro}_GUARD_BYTES ${guardBytes}

/* Flash: weights at their learned widths, and multipliers, biases and shifts of each channel. */
#define ${macro}_WEIGHT_BYTES ${weightBytes(network)}
#define ${macro}_CONSTANT_BYTES ${constantBytes(plan)}

/* RAM, all of it static: activations at their learned widths, unpacked rows of a layer's input, unpacked filters, and
 * sums. */
#define ${macro}_ARENA_BYTES ${arena.bytes}
#define ${macro}_WINDOW_BYTES ${window}
#define ${macro}_FILTER_BYTES ${filters}
#define ${macro}_SUM_BYTES ${4 * buffers.accumulators}
#define ${macro}_RAM_BYTES ${ramBytes(plan)}

/* Multiplications of one image, those by 1 in averages and in activations by themselves included. */
#define ${macro}_MACS ${multiplications(network)}
/* Whether some integers have 64 bits. */
#define ${macro}_HAS_INT64 ${needs64 ? 1 : 0}

/* Logits, in units of ${outputs.unit}. */
typedef ${wide ? 'int64_t' : 'int32_t'} ${name}_logit;

/* Writes the logits of an image, ${macro}_CLASSES${outputs.shape.length === 3 ? ' a pixel' : ''}. One call at a time: memory is static. */
void ${name}_run(const uint8_t *image, ${name}_logit *logits);

/* The class that ${macro}_CLASSES logits say: the first of the largest. */
int32_t ${name}_class_of(const ${name}_logit *logits);

#endif
`;
}
