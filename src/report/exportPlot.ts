/**
 * Sizes of an exported network, and proven parts: a panel of the whole network and its budget, above one of the layers
 * with bytes of weights and of constants, bits at the end of the bars, and a word on the proof.
 */
import type { TopLevelSpec } from 'vega-lite';
import { kbytes } from './labels.js';
import { layerLabels } from './layerLabels.js';
import {
  ACTIVATION_COLOR,
  BIAS_COLOR,
  INK,
  LABEL_SIZE,
  MUTED_INK,
  PANEL_TITLE,
  SMALL_LABEL_SIZE,
  WEIGHT_COLOR,
} from './theme.js';

export interface ExportedNetwork {
  readonly run: string;
  readonly layers: readonly {
    readonly name: string;
    readonly weightBytes: number;
    readonly constantBytes: number;
    /** Null without weights. */
    readonly weightBits: number | null;
    /** Bits of the output; null for logits. */
    readonly activationBits: number | null;
    /** Null if nothing is rounded. */
    readonly proven: boolean | null;
  }[];
  readonly bytes: { readonly weights: number; readonly constants: number; readonly ram: number };
  readonly budget_kb: { readonly weights: number | null };
}

const WIDTH = 420;
const KILO = 1024;
const parts = { domain: ['weights', 'constants', 'activations'], range: [WEIGHT_COLOR, BIAS_COLOR, ACTIVATION_COLOR] };

/** The picture of an export, without layers that have neither weights nor rounding. */
export function exportPlot({ run, layers, bytes, budget_kb: { weights: budget } }: ExportedNetwork): TopLevelSpec {
  const shown = layers.filter(({ weightBytes, proven }) => weightBytes > 0 || proven !== null);
  const rounding = layers.filter(({ proven }) => proven !== null);
  const proven = rounding.filter((layer) => layer.proven).length;
  return {
    title: {
      text: 'What does the device need?',
      subtitle: [
        `${run}, in integers`,
        `${proven} of ${rounding.length} layers that round are proven equal to the trained network in float64`,
      ],
    },
    spacing: 26,
    vconcat: [wholePanel(bytes, budget), layersPanel(shown)],
    resolve: { scale: { x: 'independent', y: 'independent' } },
  } as TopLevelSpec;
}

/** Flash and RAM of the whole network, with a line for the budget across the bar of the weights. */
function wholePanel(bytes: ExportedNetwork['bytes'], budget: number | null): object {
  const weights = bytes.weights / KILO;
  const values = [
    { label: 'weights', part: 'weights', kbytes: weights, text: weightsText(weights, budget) },
    ...[
      { label: 'their constants', part: 'constants', kbytes: bytes.constants / KILO },
      { label: 'activations at once', part: 'activations', kbytes: bytes.ram / KILO },
    ].map((value) => ({ ...value, text: kbytes(value.kbytes) })),
  ];
  const widest = Math.max(budget ?? 0, ...values.map((value) => value.kbytes));
  return {
    title: { ...PANEL_TITLE, text: 'all layers' },
    width: WIDTH,
    height: { step: 18 },
    encoding: { y: labelAxis, x: kbytesAxis(1.5 * widest) },
    layer: [
      bars(values),
      texts(
        values.map((value) => ({
          ...value,
          kbytes: value.part === 'weights' ? Math.max(weights, budget ?? 0) : value.kbytes,
        })),
      ),
      ...(budget === null ? [] : [budgetMark(budget)]),
    ],
  };
}

function weightsText(weights: number, budget: number | null): string {
  return budget === null ? kbytes(weights) : `${kbytes(weights)}, budget ${kbytes(budget, true)}`;
}

function budgetMark(budget: number): object {
  return {
    data: { values: [{ label: 'weights', kbytes: budget }] },
    mark: { type: 'tick', orient: 'vertical', thickness: 2, size: 18, color: INK },
  };
}

function layersPanel(layers: ExportedNetwork['layers']): object {
  const labels = layerLabels(layers.map(({ name }) => name));
  const values = layers.flatMap(({ weightBytes, constantBytes }, at) => [
    { label: labels[at], part: 'weights', kbytes: weightBytes / KILO, order: 0 },
    { label: labels[at], part: 'constants', kbytes: constantBytes / KILO, order: 1 },
  ]);
  const rows = layers.map(({ weightBytes, constantBytes, weightBits, activationBits, proven }, at) => ({
    label: labels[at],
    kbytes: (weightBytes + constantBytes) / KILO,
    text: bitsText(weightBits, activationBits),
    proof: proofText(proven),
  }));
  const widest = Math.max(...rows.map((row) => row.kbytes));
  return {
    title: { ...PANEL_TITLE, text: 'layer by layer' },
    width: WIDTH,
    height: { step: 15 },
    encoding: { y: labelAxis, x: kbytesAxis(1.5 * widest) },
    layer: [
      bars(values),
      texts(rows),
      {
        data: { values: rows },
        mark: { type: 'text', align: 'left', baseline: 'middle', fontSize: SMALL_LABEL_SIZE, color: INK },
        encoding: { x: { value: WIDTH + 6 }, text: { field: 'proof' } },
      },
    ],
  };
}

function bitsText(weights: number | null, output: number | null): string {
  const said = [weights === null ? null : `weights ${weights}`, output === null ? null : `output ${output}`];
  return `${said.filter((each) => each !== null).join(', ')} bits`;
}

function proofText(proven: boolean | null): string {
  if (proven === null) return 'nothing is rounded';
  return proven ? 'proven' : 'by definition';
}

const labelAxis = {
  field: 'label',
  type: 'nominal',
  sort: null,
  scale: { paddingInner: 0.28, paddingOuter: 0.2 },
  axis: {
    title: null,
    ...{ labelLimit: 260, labelFontSize: LABEL_SIZE, labelOverlap: false, ticks: false, domain: false, minExtent: 150 },
  },
};

function kbytesAxis(end: number): object {
  return {
    field: 'kbytes',
    type: 'quantitative',
    scale: { domain: [0, end], nice: false },
    axis: { title: 'kB', tickCount: 6, domain: false, grid: false },
  };
}

/** Bars, stacked in the order of `order`. */
function bars(values: readonly object[]): object {
  const color = { field: 'part', type: 'nominal', scale: parts, legend: null };
  return { data: { values }, mark: { type: 'bar' }, encoding: { color, order: { field: 'order' } } };
}

function texts(values: readonly object[]): object {
  return {
    data: { values },
    mark: { type: 'text', align: 'left', dx: 5, color: MUTED_INK, fontSize: SMALL_LABEL_SIZE },
    encoding: { text: { field: 'text' } },
  };
}
