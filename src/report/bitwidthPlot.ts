/**
 * Bits of every layer in network order: panels of bars for weights and activations side by side. Several runs have a
 * column each, with a layer on the same line in all of them.
 *
 * Bars are horizontal, because layer names have to be read and networks are longer than a page is wide.
 */
import type { TopLevelSpec } from 'vega-lite';
import { floatBits } from '../quant/index.js';
import { displayNames, headline, shownEpoch, wrapName } from './labels.js';
import { layerLabels } from './layerLabels.js';
import type { QuantizerRecord, RunRecord } from './runRecord.js';
import {
  ACTIVATION_COLOR,
  BIAS_COLOR,
  LABEL_SIZE,
  MANY_ROWS,
  MUTED_INK,
  PANEL_TITLE,
  SMALL_LABEL_SIZE,
  WEIGHT_COLOR,
} from './theme.js';

interface LayerBits {
  readonly label: string;
  readonly role: QuantizerRecord['role'];
  readonly bits: number;
}

interface Panel {
  readonly title: string | readonly string[];
  readonly subtitle?: string;
  readonly rows: readonly LayerBits[];
  readonly width: number;
  readonly named: boolean;
}

/** The panels of the final bits, or `undefined` if nothing is quantized. */
export function bitwidthPlot(runs: readonly RunRecord[]): TopLevelSpec | undefined {
  const quantized = runs.filter((run) => run.quantizers.length > 0);
  const first = quantized[0];
  if (first === undefined) return undefined;
  return runs.length === 1 ? singleRun(first) : columnsOfRuns(quantized);
}

function singleRun(run: RunRecord): TopLevelSpec {
  const bits = finalBits(run);
  const panels: Panel[] = [
    { title: 'weights', rows: bits.weights, width: 230, named: true },
    { title: 'activations', rows: bits.activations, width: 230, named: true },
  ];
  const widest = mostBits(panels);
  return {
    title: { text: `Bitwidths after epoch ${bits.epoch}`, subtitle: headline(run) },
    spacing: 36,
    hconcat: panels.filter((panel) => panel.rows.length > 0).map((panel) => panelSpec(panel, widest)),
  } as TopLevelSpec;
}

function columnsOfRuns(runs: readonly RunRecord[]): TopLevelSpec {
  const names = displayNames(runs);
  const width = runs.length <= 3 ? 170 : 120;
  const bits = runs.map(finalBits);
  const bands = (['weights', 'activations'] as const)
    .map((part) => {
      const rowsOfRuns = bits.map((run) => run[part]);
      return rowsOfRuns
        .map((rows, i): Panel => {
          const title = wrapName(names[i] ?? '', width, PANEL_TITLE.fontSize);
          return { title, subtitle: part, rows, width, named: !sameLayers(rows, rowsOfRuns[i - 1] ?? []) };
        })
        .filter((panel) => panel.rows.length > 0);
    })
    .filter((band) => band.length > 0);
  const widest = mostBits(bands.flat());
  return {
    title: { text: 'Bitwidths', subtitle: 'of the chosen epoch of each run, or its last where none was chosen' },
    spacing: 30,
    vconcat: bands.map((band) => ({ spacing: 24, hconcat: band.map((panel) => panelSpec(panel, widest)) })),
  } as TopLevelSpec;
}

function finalBits(run: RunRecord): { epoch: number | undefined; weights: LayerBits[]; activations: LayerBits[] } {
  const epoch = shownEpoch(run);
  const rows = run.quantizers.filter((row) => row.epoch === epoch);
  return {
    epoch,
    weights: labelled(rows.filter((row) => row.role !== 'activation')),
    activations: labelled(rows.filter((row) => row.role === 'activation')),
  };
}

function panelSpec(panel: Panel, widest: number): object {
  const many = panel.rows.length > MANY_ROWS;
  const labelFontSize = many ? SMALL_LABEL_SIZE : LABEL_SIZE;
  return {
    title: { ...PANEL_TITLE, text: panel.title, ...(panel.subtitle === undefined ? {} : { subtitle: panel.subtitle }) },
    width: panel.width,
    height: { step: many ? 12 : 15 },
    data: { values: panel.rows },
    encoding: {
      y: {
        field: 'label',
        type: 'nominal',
        sort: null,
        scale: { paddingInner: 0.28, paddingOuter: 0.2 },
        axis: {
          title: null,
          labels: panel.named,
          labelLimit: 260,
          labelFontSize,
          labelOverlap: false,
          ticks: false,
          domain: false,
          minExtent: 0,
        },
      },
      x: {
        field: 'bits',
        type: 'quantitative',
        scale: { domain: [0, widest], nice: false },
        axis: { title: 'bits', format: 'd', tickMinStep: 1, tickCount: Math.min(widest, 8), domain: false },
      },
    },
    layer: [
      {
        mark: { type: 'bar' },
        encoding: {
          color: {
            field: 'role',
            type: 'nominal',
            scale: {
              domain: ['weight', 'bias', 'activation'],
              range: [WEIGHT_COLOR, BIAS_COLOR, ACTIVATION_COLOR],
            },
            legend: null,
          },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 4, color: MUTED_INK, fontSize: labelFontSize - 1 },
        encoding: { text: { field: 'bits', format: '~r' } },
      },
    ],
  };
}

/** The end of the axis: eight bits, the most in the paper, unless a layer has more. */
function mostBits(panels: readonly Panel[]): number {
  return Math.min(floatBits, Math.max(8, ...panels.flatMap((panel) => panel.rows.map((row) => row.bits))));
}

function labelled(rows: readonly QuantizerRecord[]): LayerBits[] {
  const labels = layerLabels(rows.map((row) => row.tensor));
  return rows.map((row, i) => ({ label: labels[i] ?? row.tensor, role: row.role, bits: row.bits }));
}

function sameLayers(a: readonly LayerBits[], b: readonly LayerBits[]): boolean {
  return a.length === b.length && a.every((row, i) => row.label === b[i]?.label);
}
