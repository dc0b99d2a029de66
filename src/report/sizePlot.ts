/**
 * Memory of weights and activations over the epochs, in separate panels because their magnitudes differ, with the run's
 * budget as a labelled dashed line.
 */
import type { TopLevelSpec } from 'vega-lite';
import { axisPosition, logarithmicAxis, logarithmicDomain } from './axis.js';
import { curveMarks } from './curveMarks.js';
import { epochAxis, epochDomain } from './epochAxis.js';
import { displayNames, headline, kbytes, runColor } from './labels.js';
import type { Budget, RunRecord, SizeRecord } from './runRecord.js';
import { ACTIVATION_COLOR, INK, LABEL_SIZE, PANEL_TITLE, WEIGHT_COLOR } from './theme.js';

const WIDTH = 210;
const HEIGHT = 210;

interface Quantity {
  readonly title: string;
  readonly of: (size: SizeRecord) => number | null;
  readonly budgetKey: keyof Budget;
  readonly color: string;
}

const QUANTITIES: readonly Quantity[] = [
  { title: 'weights', of: (size) => size.weightsKbytes, budgetKey: 'weightsKbytes', color: WEIGHT_COLOR },
  {
    title: 'activations, maximum',
    of: (size) => size.activationsMaxKbytes,
    budgetKey: 'activationsMaxKbytes',
    color: ACTIVATION_COLOR,
  },
  {
    title: 'activations, sum',
    of: (size) => size.activationsSumKbytes,
    budgetKey: 'activationsSumKbytes',
    color: ACTIVATION_COLOR,
  },
];
/** Drawn only for runs with a budget for it. */
const PEAK: Quantity = {
  title: 'activations, peak',
  of: (size) => size.activationsPeakKbytes,
  budgetKey: 'activationsPeakKbytes',
  color: ACTIVATION_COLOR,
};

/** Sizes of one or several runs, or `undefined` before the end of the first epoch. */
export function sizePlot(runs: readonly RunRecord[]): TopLevelSpec | undefined {
  const measured = runs.filter((run) => run.sizes.length > 0);
  const first = measured[0];
  if (first === undefined) return undefined;
  const single = runs.length === 1;
  const quantities = measured.some((run) => run.budget.activationsPeakKbytes) ? [...QUANTITIES, PEAK] : QUANTITIES;
  return {
    title: { text: 'Memory', subtitle: single ? headline(first) : 'dashed: budget' },
    spacing: 30,
    hconcat: quantities.map((quantity, i) => panelSpec(quantity, measured, single, i === 0)),
  } as TopLevelSpec;
}

function panelSpec(quantity: Quantity, runs: readonly RunRecord[], single: boolean, first: boolean): object {
  const names = displayNames(runs);
  const values = runs.flatMap((run, i) =>
    run.sizes.flatMap((size) => {
      const kbytes = quantity.of(size);
      return kbytes === null ? [] : { run: names[i] ?? run.name, epoch: size.epoch, kbytes };
    }),
  );
  const epochs = values.map((value) => value.epoch);
  const budgets = [...new Set(runs.flatMap((run) => run.budget[quantity.budgetKey] ?? []))].sort((a, b) => b - a);
  const last = values.at(-1)?.kbytes ?? 0;
  const drawn = [...values.map((value) => value.kbytes), ...budgets];
  const highest = Math.max(...drawn);
  const wide = single ? null : logarithmicDomain(drawn);
  const labelTops = single ? budgets.filter((budget) => !isLabelledBelow(budget, last, highest)).map(labelTop) : [];
  const domain = wide ?? ([0, Math.max(highest * 1.04, ...labelTops)] as const);
  const { scale, axis } = wide ? logarithmicAxis(wide) : { scale: { domain }, axis: { format: 'f', tickCount: 5 } };
  return {
    title: { ...PANEL_TITLE, text: quantity.title },
    width: WIDTH,
    height: HEIGHT,
    encoding: {
      x: {
        type: 'quantitative',
        scale: { domain: epochDomain(epochs), nice: false },
        axis: { ...epochAxis(), tickCount: 5 },
      },
      y: { type: 'quantitative', scale, axis: { title: first ? 'kB' : null, ...axis } },
    },
    layer: [
      {
        data: { values },
        encoding: {
          x: { field: 'epoch' },
          y: { field: 'kbytes' },
          color: single ? { value: quantity.color } : runColor(names, 3 * WIDTH),
        },
        layer: curveMarks(epochs),
      },
      ...budgetRules(budgets),
      ...(single
        ? budgets.map((budget) => insideLabel(budget, isLabelledBelow(budget, last, highest)))
        : [outsideLabels(budgets, (kbytes) => HEIGHT * (1 - axisPosition(kbytes, domain, wide !== null)))]),
    ],
  };
}

function budgetRules(budgets: readonly number[]): object[] {
  return budgets.map((budget) => ({
    data: { values: [{ budget }] },
    mark: { type: 'rule', strokeDash: [5, 4], strokeWidth: 1, color: INK },
    encoding: { x: { value: 0 }, x2: { value: 'width' }, y: { field: 'budget' } },
  }));
}

/** Tells whether the label of one run's budget is below its line: where the curve ends above, and there is room. */
function isLabelledBelow(budget: number, last: number, highest: number): boolean {
  return last > budget && budget > 0.1 * highest;
}

/** The kB up to which a label above the line of a budget reaches, on an axis from 0 that ends there. */
function labelTop(budget: number): number {
  return (budget * HEIGHT) / (HEIGHT - 4 - 1.2 * LABEL_SIZE);
}

/** The label of one run, above or below the line of its budget. */
function insideLabel(budget: number, below: boolean): object {
  return {
    data: { values: [{ budget, label: `budget ${kbytes(budget, true)}` }] },
    mark: {
      type: 'text',
      align: 'right',
      baseline: below ? 'top' : 'bottom',
      dy: below ? 4 : -4,
      fontSize: LABEL_SIZE,
    },
    encoding: { x: { value: 'width' }, y: { field: 'budget' }, text: { field: 'label' } },
  };
}

/**
 * The labels of several runs: to the right of the frame, where no curve passes, without those that would overlap the
 * label above. `pixels`: the distance of a budget's line from the top.
 */
function outsideLabels(budgets: readonly number[], pixels: (budget: number) => number): object {
  const labelled: number[] = [];
  for (const budget of budgets) {
    const above = labelled.at(-1);
    if (above === undefined || pixels(budget) - pixels(above) >= 1.2 * LABEL_SIZE) labelled.push(budget);
  }
  return {
    data: { values: labelled.map((budget) => ({ budget, label: kbytes(budget, true) })) },
    mark: { type: 'text', align: 'left', baseline: 'middle', dx: 8, fontSize: LABEL_SIZE },
    encoding: { x: { value: 'width' }, y: { field: 'budget' }, text: { field: 'label' } },
  };
}
