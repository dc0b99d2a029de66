/** The pictures of a table's report. */

import type { TopLevelSpec } from 'vega-lite';
import { bitwidthPlot } from '../report/bitwidthPlot.js';
import type { Block } from '../report/document.js';
import { meanRecord } from '../report/meanRecord.js';
import { quantizerGradientPlot } from '../report/quantizerGradientPlot.js';
import { type RunRecord, readRunRecord } from '../report/runRecord.js';
import { sizePlot } from '../report/sizePlot.js';
import { metricPlot } from '../report/trainingCurves.js';
import type { RowResult } from './rowResult.js';
import type { PictureGroup, Table } from './table.js';

/** Learning curves of a group, as means over the seeds. */
export function curvePictures(table: Table, results: readonly RowResult[]): Block[] {
  return table.curves.flatMap((group) => {
    const drawn = results.some(({ row, runs, gap }) => group.rows.includes(row.id) && gap !== null && runs.length > 0);
    const records = drawn ? recordsOf(group, results) : [];
    const seeds = results.filter(({ row }) => group.rows.includes(row.id)).map(({ runs }) => runs.length);
    const most = Math.max(0, ...seeds);
    const of = seeds.some((count) => count > 0 && count < most) ? `up to ${most}` : most;
    const caption = `Accuracy over the epochs: ${group.title}${most > 1 ? `, mean of ${of} seeds` : ''}`;
    return picture(`curves-${group.name}`, caption, group.title, metricPlot(records));
  });
}

/** Learned bits, and the sizes over the epochs with the budget. */
export function bitwidthPictures(table: Table, results: readonly RowResult[]): Block[] {
  return table.bitwidths.flatMap((group) => {
    const records = recordsOf(group, results);
    const hasBudget = records.some(({ budget }) => Object.keys(budget).length > 0);
    const [seed] = results.flatMap(({ runs }) => runs.map(({ run }) => run.seed));
    return [
      ...picture(
        `bitwidths-${group.name}`,
        `Bits of every layer: ${group.title}, seed ${seed}`,
        group.title,
        bitwidthPlot(records),
      ),
      ...(hasBudget
        ? picture(`sizes-${group.name}`, `Sizes over the epochs: ${group.title}`, group.title, sizePlot(records))
        : []),
    ];
  });
}

/** The paper's figure 2, for uniform quantizers and for powers of two. */
export function gradientPictures(): Block[] {
  const uniform = quantizerGradientPlot(
    'Gradients of the parametrizations, uniform',
    [
      { name: 'U1', kind: 'parametric_fp_d_b' },
      { name: 'U2', kind: 'parametric_fp_b_xmax' },
      { name: 'U3', kind: 'parametric_fp_d_xmax' },
    ],
    { bits: 4, finest: 0.25, xmax: 1.75 },
  );
  const pow2 = quantizerGradientPlot(
    'Gradients of the parametrizations, powers of two',
    [
      { name: 'P1', kind: 'parametric_pow2_b_xmin' },
      { name: 'P2', kind: 'parametric_pow2_b_xmax' },
      { name: 'P3', kind: 'parametric_pow2_xmin_xmax' },
    ],
    { bits: 3, finest: 0.25, xmax: 2 },
  );
  return [
    {
      type: 'text',
      text:
        'Every column describes the same quantizer by two other values. The gradients of U1 (to the bits and the step) ' +
        'grow like 2 to the power of the bits for inputs beyond the range; those of U2 differ tenfold from each other and ' +
        'act inside the range at once. Those of U3 are at most 1/2 and 1 whatever the bits are, and where one acts the ' +
        'other is silent. So it is with P3, whose gradients are at most 1, among P1, P2 and P3.',
    },
    {
      type: 'picture',
      name: 'gradients-uniform',
      caption: 'Gradients of Q to what U1, U2 and U3 learn',
      plot: uniform,
    },
    { type: 'picture', name: 'gradients-pow2', caption: 'Gradients of Q to what P1, P2 and P3 learn', plot: pow2 },
  ];
}

function picture(name: string, caption: string, subject: string, plot: TopLevelSpec | undefined): Block[] {
  if (plot === undefined) return [];
  const title = typeof plot.title === 'object' && 'text' in plot.title ? plot.title : { text: '' };
  return [
    { type: 'picture', name, caption, plot: { ...plot, title: { ...title, text: `${title.text}: ${subject}` } } },
  ];
}

/** One record for each row of the group with a run. */
function recordsOf({ rows }: PictureGroup, results: readonly RowResult[]): RunRecord[] {
  return rows.flatMap((id) => {
    const result = results.find(({ row }) => row.id === id);
    const [first, ...rest] = result?.runs.map(({ folder }) => readRunRecord(folder.root)) ?? [];
    return result && first ? [meanRecord(result.row.label, [first, ...rest])] : [];
  });
}
