/**
 * A heat map of every tensor's bits over the epochs, one row a tensor.
 *
 * Consecutive epochs with the same bits are one rectangle: bits change rarely, so 160 epochs of 40 layers stay a small
 * file.
 */
import type { TopLevelSpec } from 'vega-lite';
import { epochAxis } from './epochAxis.js';
import { headline } from './labels.js';
import { layerLabels, partsByRole } from './layerLabels.js';
import type { QuantizerRecord, RunRecord } from './runRecord.js';
import { LABEL_SIZE, MANY_ROWS, PANEL_TITLE, SMALL_LABEL_SIZE } from './theme.js';

/** The fewest epochs for which a history is drawn. */
const HISTORY_EPOCHS = 5;

interface Stretch {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly bits: number;
}

/** The heat map of a run's bitwidths, or `undefined` for a float run or one of fewer than {@link HISTORY_EPOCHS}. */
export function bitwidthHistoryPlot(run: RunRecord): TopLevelSpec | undefined {
  const epochs = [...new Set(run.quantizers.map((row) => row.epoch))].sort((a, b) => a - b);
  if (epochs.length < HISTORY_EPOCHS) return undefined;
  const domain: [number, number] = [epochs[0]! - 0.5, epochs.at(-1)! + 0.5];
  const bits = [...new Set(run.quantizers.map((row) => row.bits))].sort((a, b) => a - b);
  const parts = partsByRole(run.quantizers);
  return {
    title: { text: 'Bitwidths over training', subtitle: headline(run) },
    spacing: 26,
    vconcat: parts.map((part, i) => panelSpec(part.title, stretches(part.rows), domain, bits, i === parts.length - 1)),
  } as TopLevelSpec;
}

/** Runs of equal bits of one tensor; an epoch covers half an epoch on either side of its number. */
function stretches(rows: readonly QuantizerRecord[]): Stretch[] {
  const byTensor = new Map<string, QuantizerRecord[]>();
  for (const row of rows) byTensor.set(row.tensor, [...(byTensor.get(row.tensor) ?? []), row]);
  const tensors = [...byTensor.keys()];
  const labels = layerLabels(tensors);
  return tensors.flatMap((tensor, i) => {
    const found: { label: string; from: number; to: number; bits: number }[] = [];
    for (const row of byTensor.get(tensor) ?? []) {
      const last = found.at(-1);
      if (last !== undefined && last.bits === row.bits) last.to = row.epoch + 0.5;
      else
        found.push({
          label: labels[i] ?? tensor,
          from: last?.to ?? row.epoch - 0.5,
          to: row.epoch + 0.5,
          bits: row.bits,
        });
    }
    return found;
  });
}

function panelSpec(
  title: string,
  values: readonly Stretch[],
  domain: readonly [number, number],
  bits: readonly number[],
  last: boolean,
): object {
  const many = new Set(values.map((value) => value.label)).size > MANY_ROWS;
  return {
    title: { ...PANEL_TITLE, text: title },
    width: 440,
    height: { step: many ? 11 : 14 },
    data: { values },
    mark: { type: 'rect' },
    encoding: {
      x: {
        field: 'from',
        type: 'quantitative',
        scale: { domain, nice: false },
        axis: { ...epochAxis(), title: last ? 'epoch' : null },
      },
      x2: { field: 'to' },
      y: {
        field: 'label',
        type: 'nominal',
        sort: null,
        scale: { paddingInner: 0.12, paddingOuter: 0 },
        axis: {
          title: null,
          labelLimit: 260,
          labelFontSize: many ? SMALL_LABEL_SIZE : LABEL_SIZE,
          labelOverlap: false,
          ticks: false,
          domain: false,
        },
      },
      color: {
        field: 'bits',
        type: 'ordinal',
        scale: { domain: bits, scheme: 'viridis', reverse: true },
        legend: {
          title: 'bits',
          orient: 'right',
          symbolType: 'square',
          symbolSize: 160,
          symbolStrokeWidth: 0,
          offset: 14,
        },
      },
    },
  };
}
