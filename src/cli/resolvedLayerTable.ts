/** A table of the quantizers of a network's tensors, one tensor a row, for sections with rules for single tensors. */

import { floatBits, parameterNames } from '../quant/index.js';
import type { ResolvedLayer } from '../settings/index.js';
import { textTable } from './textTable.js';

export interface ResolvedLayerRow {
  readonly tensor: string;
  readonly quantizer: string;
  readonly bits: string;
  /** Patterns of the rules that match the tensor. */
  readonly rules: string;
}

export function resolvedLayerRow({ tensor, role, quantizer, patterns }: ResolvedLayer): ResolvedLayerRow {
  const kind = quantizer.kind === null ? 'none' : `${quantizer.kind}${quantizer.signed ? '' : '_relu'}`;
  const perChannel = quantizer.perChannel && quantizer.kind !== null && role === 'weight' ? ' per channel' : '';
  return { tensor, quantizer: kind + perChannel, bits: bitsText(quantizer), rules: patterns.join(', ') };
}

export function resolvedLayerTable(layers: readonly ResolvedLayer[]): string {
  const rows = layers
    .map(resolvedLayerRow)
    .map(({ tensor, quantizer, bits, rules }) => [tensor, quantizer, bits, rules]);
  return textTable([['tensor', 'quantizer', 'bits', 'rules'], ...rows]);
}

/** Bits at the start, and the limits of learned bits. */
function bitsText({ kind, bitwidth, bitwidthMin, bitwidthMax }: ResolvedLayer['quantizer']): string {
  if (kind === null) return String(floatBits);
  const learned = parameterNames(kind);
  if (learned.length === 0) return String(bitwidth);
  // The upper limit of the bits has no effect where bits follow from d and xmax, or from xmin and xmax.
  return `${bitwidth}, ${bitwidthMin} ${learned.includes('n') ? `to ${bitwidthMax}` : 'or more'}`;
}
