/**
 * A heat map of sensitivities: one row a tensor, one column a number of bits, and the rise of the network's loss as
 * colour if only that tensor has so many bits. The tensor's own bits are framed.
 */
import type { TopLevelSpec } from 'vega-lite';
import { riseText } from './labels.js';
import { layerLabels, partsByRole } from './layerLabels.js';
import { EVALUATION_COLOR, INK, LABEL_SIZE, PANEL_TITLE, SMALL_LABEL_SIZE } from './theme.js';

export interface SensitivityRow {
  readonly tensor: string;
  readonly role: 'weight' | 'bias' | 'activation';
  readonly bits: number;
  /** Rise of the loss with other bits. */
  readonly rises: readonly { readonly bits: number; readonly rise: number }[];
}

/** The picture of at least one tensor. `subject`: words for the title. */
export function sensitivityPlot(subject: string, rows: readonly SensitivityRow[]): TopLevelSpec {
  const all = rows.flatMap(({ bits, rises }) => [bits, ...rises.map((each) => each.bits)]);
  const domain = Array.from({ length: Math.max(...all) - Math.min(...all) + 1 }, (_, at) => Math.min(...all) + at);
  const highest = Math.max(0.01, ...rows.flatMap(({ rises }) => rises.map(({ rise }) => rise)));
  return {
    title: {
      text: 'What are the bits of each tensor worth?',
      subtitle: [subject, 'rise of the loss where one tensor has other bits; framed: the bits it has'],
    },
    spacing: 34,
    hconcat: partsByRole(rows).map((part) => panelSpec(part.title, part.rows, domain, highest)),
  } as TopLevelSpec;
}

/** Colours from no rise, or a fall, to the highest. */
const range = ['#ffffff', EVALUATION_COLOR];

function panelSpec(title: string, rows: readonly SensitivityRow[], domain: readonly number[], highest: number): object {
  const labels = layerLabels(rows.map(({ tensor }) => tensor));
  const values = rows.flatMap(({ bits, rises }, at) => [
    { label: labels[at], bits, rise: 0, text: '', isOwn: true },
    ...rises.map((each) => ({ label: labels[at], ...each, text: riseText(each.rise, 2), isOwn: false })),
  ]);
  const x = {
    field: 'bits',
    type: 'ordinal',
    scale: { domain, paddingInner: 0.06 },
    axis: { title: 'bits', labelAngle: 0 },
  };
  return {
    title: { ...PANEL_TITLE, text: title },
    width: { step: 46 },
    height: { step: 16 },
    data: { values },
    encoding: {
      x,
      y: {
        field: 'label',
        type: 'nominal',
        sort: null,
        scale: { paddingInner: 0.1 },
        axis: {
          title: null,
          labelLimit: 260,
          labelFontSize: LABEL_SIZE,
          labelOverlap: false,
          ticks: false,
          domain: false,
        },
      },
    },
    layer: [
      {
        mark: { type: 'rect' },
        encoding: {
          color: {
            field: 'rise',
            type: 'quantitative',
            scale: { type: 'symlog', constant: 0.01, domain: [0, highest], range, clamp: true, interpolate: 'rgb' },
            legend: null,
          },
        },
      },
      {
        transform: [{ filter: 'datum.isOwn' }],
        mark: { type: 'rect', filled: false, stroke: INK, strokeWidth: 1.25 },
      },
      {
        mark: { type: 'text', fontSize: SMALL_LABEL_SIZE },
        encoding: { text: { field: 'text' } },
      },
    ],
  };
}
