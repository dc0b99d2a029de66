/**
 * The functions of `net.c`. A network gets those that it calls, in the order of this file. Only nonnegative numbers are
 * shifted, since C leaves shifts of negative ones to the compiler.
 */

import { arrange, convolve, maxPool, sumPool } from './layerKernels.js';
import type { Elements } from './plan.js';
import {
  putLogits,
  requantizeHigh,
  requantizeNarrow,
  requantizeTable,
  requantizeWide,
  store,
} from './requantizationKernels.js';
import { codeAt, codesAt, integerOf, integerOrPowerOf, put, unpack, unpackEights, wordAt } from './streamKernels.js';
import {
  dotNarrow,
  dotRow,
  dotWide,
  load,
  loadImage,
  sum,
  sumDepthwise,
  sumGrouped,
  unpackPixels,
  weightAt,
  windowRow,
} from './sumKernels.js';

/** The features that a network needs; functions are shorter without the others. */
export interface Codes {
  /** Powers of two among the tensors that are read. */
  readonly powers: boolean;
  /** Outputs from a table. */
  readonly tables: boolean;
  /** Windows with dilated columns. */
  readonly dilated: boolean;
  /** Outputs that depend on some channels only. */
  readonly grouped: boolean;
  /** A convolution that gives the logits. */
  readonly outputs: boolean;
  /** Weights of 0 bits, which are all 1. */
  readonly ones: boolean;
  /** Type of the multipliers in narrow requantizations. */
  readonly multipliers: 'int16_t' | 'int32_t';
}

/** The functions that `text` calls, directly and indirectly. */
export function functionsOf(text: string, codes: Codes): string {
  const all = kernels(codes);
  const reached = new Set<string>();
  const visit = (source: string) => {
    for (const [name, body] of all) {
      if (reached.has(name) || !new RegExp(`\\b${name}\\b`).test(source)) continue;
      reached.add(name);
      visit(body);
    }
  };
  visit(text);
  return [...all].flatMap(([name, body]) => (reached.has(name) ? [body] : [])).join('\n');
}

function kernels(codes: Codes): ReadonlyMap<string, string> {
  return new Map([
    ['code_at', codeAt],
    ['integer_of', codes.powers ? integerOrPowerOf : integerOf],
    ['word_at', wordAt],
    ['codes_at', codesAt],
    ['put', put],
    ['weight_at', weightAt(codes)],
    ...elementKernels('narrow', 'int16_t', codes),
    ...elementKernels('wide', 'int32_t', codes),
    ['requantize_narrow', requantizeNarrow(codes)],
    ['requantize_high', requantizeHigh(codes)],
    ['requantize_wide', requantizeWide(codes)],
    ['requantize_table', requantizeTable],
    ['put_logits', putLogits],
    ['store', store],
    ['convolve', convolve(codes)],
    ['max_pool', maxPool],
    ['arrange', arrange],
    ['sum_pool', sumPool],
  ]);
}

function elementKernels(elements: Elements, type: string, codes: Codes): [string, string][] {
  return [
    [`unpack_eights_${elements}`, unpackEights(elements, type, codes)],
    [`unpack_${elements}`, unpack(elements, type)],
    [`unpack_pixels_${elements}`, unpackPixels(elements, type)],
    [`load_${elements}`, load(elements, type)],
    [`load_image_${elements}`, loadImage(elements, type)],
    [`dot_${elements}`, elements === 'narrow' ? dotNarrow : dotWide],
    [`window_row_${elements}`, windowRow(elements, type)],
    [`dot_row_${elements}`, dotRow(elements, type)],
    [`sum_${elements}`, sum(elements, type, codes)],
    [`sum_depthwise_${elements}`, sumDepthwise(elements, type)],
    [`sum_grouped_${elements}`, sumGrouped(elements, type)],
  ];
}
