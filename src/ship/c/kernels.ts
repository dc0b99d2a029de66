/**
 * The functions of `net.c`. A network gets those that it reaches, in the order in which they stand here; numbers are
 * moved by shifts only where they are not negative, as C leaves the others to the compiler.
 */

import { convolve, loadAddend, maxPool, sumPool } from './layerKernels.js';
import type { Elements } from './plan.js';
import {
  addendOf,
  addendOrNoneOf,
  requantizeNarrow,
  requantizePowers,
  requantizeWide,
} from './requantizationKernels.js';
import { codeAt, flush, integerOf, integerOrPowerOf, pack, put, unpack, unpackTwoBits } from './streamKernels.js';
import {
  dotNarrow,
  dotRow,
  dotWide,
  load,
  loadImage,
  sum,
  sumDepthwise,
  unpackFilter,
  unpackPixels,
  windowRow,
} from './sumKernels.js';

/** The codes that a network has, where fewer make shorter functions. */
export interface Codes {
  /** Powers of two among the tensors that are read. */
  readonly powers: boolean;
  /** Weights of 0 bits, which are all 1. */
  readonly ones: boolean;
  readonly twoBitWeights: boolean;
  readonly fourBits: boolean;
  /** Type of the multipliers of narrow requantizations. */
  readonly multipliers: 'int16_t' | 'int32_t';
}

/** The functions that `text` calls, those that they call, and so on. */
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
    ['put', put],
    ['pack', pack(codes.fourBits)],
    ['flush', flush],
    ['unpack_two_bits', unpackTwoBits],
    ['unpack_codes', unpack('codes', 'uint8_t', { ...codes, ones: false })],
    ...elementKernels('narrow', 'int16_t', codes),
    ...elementKernels('wide', 'int32_t', codes),
    ['addend_of', codes.powers ? addendOrNoneOf : addendOf],
    ['requantize_narrow', requantizeNarrow(codes.multipliers)],
    ['requantize_wide', requantizeWide],
    ['requantize_powers', requantizePowers],
    ['load_addend', loadAddend],
    ['convolve', convolve],
    ['max_pool', maxPool],
    ['sum_pool', sumPool],
  ]);
}

function elementKernels(elements: Elements, type: string, codes: Codes): [string, string][] {
  return [
    [`unpack_${elements}`, unpack(elements, type, codes)],
    [`unpack_pixels_${elements}`, unpackPixels(elements, type)],
    [`unpack_filter_${elements}`, unpackFilter(elements, type, codes)],
    [`load_${elements}`, load(elements, type)],
    [`load_image_${elements}`, loadImage(elements, type)],
    [`dot_${elements}`, elements === 'narrow' ? dotNarrow : dotWide],
    [`window_row_${elements}`, windowRow(elements, type)],
    [`dot_row_${elements}`, dotRow(elements, type)],
    [`sum_${elements}`, sum(elements, type)],
    [`sum_depthwise_${elements}`, sumDepthwise(elements, type)],
  ];
}
