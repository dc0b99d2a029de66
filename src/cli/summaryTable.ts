/** A text table of bits and memory by layer, printed after training and evaluation. */

import { kilobyteDecimals } from '../kilobytes.js';

export interface LayerSummary {
  readonly layer: string;
  /** Bits of the layer's weights; absent if it has none. */
  readonly weightBits?: number;
  readonly activationBits?: number;
  readonly weightKbytes?: number;
  readonly activationKbytes?: number;
}

/**
 * Aligned columns `layer`, `bits W`, `bits A`, `kB W`, `kB A`, and a row of totals: the sum of the weights, and for
 * activations the sum and the largest. No line break at the end.
 */
export function summaryTable(layers: readonly LayerSummary[]): string {
  const activations = layers.flatMap((layer) => layer.activationKbytes ?? []);
  const weights = layers.flatMap((layer) => layer.weightKbytes ?? []);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const [ofWeights, ofActivations] = [textOf(sum(weights)), textOf(sum(activations))];
  const header = ['layer', 'bits W', 'bits A', 'kB W', 'kB A'];
  const body = layers.map((layer) => [
    layer.layer,
    bits(layer.weightBits),
    bits(layer.activationBits),
    ofWeights(layer.weightKbytes),
    ofActivations(layer.activationKbytes),
  ]);
  const totals = [
    [
      'sum',
      '',
      '',
      weights.length > 0 ? ofWeights(sum(weights)) : '',
      activations.length > 0 ? ofActivations(sum(activations)) : '',
    ],
    ['largest', '', '', '', activations.length > 0 ? ofActivations(Math.max(...activations)) : ''],
  ];
  const all = [header, ...body, ...totals];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [line(header), rule, ...body.map(line), rule, ...totals.map(line)].join('\n');
}

function bits(value: number | undefined): string {
  return value === undefined ? '-' : String(value);
}

/** The texts of a column's kB, whose sum is `largest`. */
function textOf(largest: number): (kbytes: number | undefined) => string {
  const decimals = kilobyteDecimals(largest, 2);
  return (kbytes) => (kbytes === undefined ? '-' : kbytes.toFixed(decimals));
}
