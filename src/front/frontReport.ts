/** The report of a front, made from the run folders only. */

import { bitwidthPlot } from '../report/bitwidthPlot.js';
import type { Block, Document, TableLine } from '../report/document.js';
import { type FrontSeries, frontPlot } from '../report/frontPlot.js';
import { meanRecord } from '../report/meanRecord.js';
import { readRunRecord } from '../report/runRecord.js';
import { type ErrorOf, noSpread, type PairedDifference, pairedDifference } from '../reproduce/claims.js';
import { conditions, makingOf, quickNote, timeTable } from '../reproduce/report.js';
import { bitsText, errorText, gapText, missingText, plannedSeeds, remarks, size } from '../reproduce/resultTable.js';
import { type FinishedRunResult, finishedOf, planResults, type RowResult, rowResults } from '../reproduce/rowResult.js';
import { percentSpread, seedsText, spreadOf, spreadText } from '../reproduce/spread.js';
import { agreement } from './agreement.js';
import type { Front, FrontBudget, FrontRow } from './frontPlan.js';
import { meanings, type QuantizedWay, wayNames } from './ways.js';

interface Point {
  readonly row: FrontRow;
  readonly result: RowResult;
  /** Mean over the seeds; `null` if no run has a result. */
  readonly kbytes: number | null;
  readonly activationKbytes: number | null;
}

/** The report. `command`: the words of the call that made it, behind the program's name. */
export function frontReport({ rows, budgets, ways, plan, quick, teacher }: Front, command: string): Document {
  const ofRuns = planResults(plan);
  const finished = finishedOf(ofRuns);
  const results = rowResults(rows, () => 'FLOAT', ofRuns);
  const all = rows.map((row, at): Point => {
    const result = results[at]!;
    const mean = (of: (run: FinishedRunResult) => number) => spreadOf(result.runs.map(of))?.mean ?? null;
    return {
      ...{ row, result },
      kbytes: mean(({ summary }) => summary.weights_kb),
      activationKbytes: mean(({ summary }) => summary.activations_max_kb),
    };
  });
  const points = all.filter((point) => !isToCome(point));
  const quantized = points.filter(({ row }) => row.way !== 'float');
  const { model, data } = plan[0]!.experiment.settings;
  return {
    title: `How small can it get? ${model} on ${data}`,
    blocks: [
      ...(quick ? [quickNote] : []),
      { type: 'text', text: introduction(ways) },
      { type: 'list', items: ways.map((way) => `**${wayNames[way]}** ${meanings[way]}.`) },
      {
        type: 'list',
        items: [
          ...conditions(null, plan, finished),
          ...(teacher === null ? [] : [`All quantized networks learn from \`${teacher}\`, too (\`distill\`).`]),
        ],
      },
      { type: 'heading', text: 'Error over size' },
      ...frontPicture(all[0]!, quantized, `${model} on ${data}`),
      resultTable(points),
      ...toCome(all.filter(isToCome)),
      { type: 'text', text: resultText },
      ...listed(
        'Do learned bits win?',
        budgets.flatMap((budget) => verdicts(budget, ways, points)),
      ),
      ...listed(
        'Do the variants help?',
        budgets.flatMap((budget) => variantVerdicts(budget, points)),
      ),
      { type: 'heading', text: 'The bits' },
      ...bitPictures(points),
      ...agreementTable(quantized),
      { type: 'heading', text: 'Times' },
      timeTable(finished),
      ...makingOf(plan, finished, command),
    ],
  };
}

function introduction(ways: readonly QuantizedWay[]): string {
  const but = ways.includes('narrow') ? ' (narrower ones from a float network of their width)' : '';
  return (
    'A float network of every seed, and from it at every budget a network for each way to give bits to its tensors. All ' +
    `of one seed start from the same parameters${but} and train as long, in all of them weights and ranges are learned; ` +
    'only how the bits come about differs:'
  );
}

const resultText =
  'Errors are of the chosen parameters on the test images, those of the last tenth the mean over the last tenth of the ' +
  'epochs, which no image chooses; gaps are to the float network of the same seed, in points: the ' +
  'quantized ones begin where it ends, so that in all they have trained longer than it. A network is beaten by one that is ' +
  'no larger, in weights and in activations, and has a smaller mean error over the seeds that both have. In brackets: ' +
  'whether the difference of equal seeds is decided with a confidence of 95 % (Student’s t). In comparisons ± is half of ' +
  'that interval, elsewhere the standard deviation over the seeds.';

/** Tells whether a network has not been trained with any seed. */
function isToCome({ result: { runs, missing } }: Point): boolean {
  return runs.length === 0 && missing.every(({ type }) => type === 'absent');
}

function toCome(points: readonly Point[]): Block[] {
  if (points.length === 0) return [];
  const names = points.map(({ row }) => `\`${row.section}\``).join(', ');
  return [{ type: 'text', text: `Not run with any seed, and left out of everything here: ${names}.` }];
}

interface Beaten {
  readonly by: Point;
  readonly difference: PairedDifference;
}

/** A point that is no larger and has a lower error; of several one with most seeds in common, and then the lowest error. */
function beaten(point: Point, points: readonly Point[]): Beaten | null {
  const better = points.flatMap((by): Beaten[] => {
    const difference = pairedDifference(by.result, point.result);
    const isNoLarger = by.kbytes! <= point.kbytes! && by.activationKbytes! <= point.activationKbytes!;
    return difference && difference.mean > 0 && isNoLarger ? [{ by, difference }] : [];
  });
  const [best] = better.sort(({ difference: a }, { difference: b }) => b.count - a.count || b.mean - a.mean);
  return best ?? null;
}

function frontPicture(float: Point, quantized: readonly Point[], subject: string): Block[] {
  const names = new Set(quantized.map(({ row }) => row.label));
  const series = [...names].flatMap((name): FrontSeries[] => {
    const points = quantized
      .filter(({ row, result, kbytes }) => row.label === name && result.error && kbytes !== null)
      .map((point) => ({
        kbytes: point.kbytes!,
        error: point.result.error!,
        isBeaten: beaten(point, quantized) !== null,
        missingSeeds: point.result.missing.length,
      }))
      .sort((a, b) => a.kbytes - b.kbytes);
    return points.length === 0 ? [] : [{ name, points }];
  });
  if (series.length === 0) return [];
  const plot = frontPlot(subject, series, float.result.error);
  return [{ type: 'picture', name: 'front', caption: 'Test error over kB of weights, by the way to give bits', plot }];
}

function resultTable(points: readonly Point[]): Block {
  const columns = [
    { title: 'network', align: 'left' },
    { title: 'error %', align: 'right' },
    { title: 'gap, points', align: 'right' },
    { title: 'last epoch error %', align: 'right' },
    { title: 'last tenth error %', align: 'right' },
    { title: 'weights kB', align: 'right' },
    { title: 'activations max kB', align: 'right' },
    { title: 'bits W', align: 'left' },
    { title: 'bits A', align: 'left' },
    { title: 'beaten by', align: 'left' },
    { title: 'remarks', align: 'left' },
  ] as const;
  const quantized = points.filter(({ row }) => row.way !== 'float');
  const rows = points.map((point): TableLine => {
    const { row, result } = point;
    const { runs } = result;
    const meanError = (errorOf: ErrorOf) => {
      const spread = percentSpread(runs.map(errorOf));
      return spread ? spreadText(spread) : '–';
    };
    const better = beaten(point, quantized);
    return [
      `${row.label} \`${row.section}\``,
      errorText(result),
      gapText(result),
      meanError(({ summary }) => summary.last_test_err),
      meanError(({ lateError }) => lateError),
      size(result, 'weights_kb', undefined),
      size(result, 'activations_max_kb', undefined),
      bitsText(runs.flatMap(({ bits }) => bits.weights)),
      bitsText(runs.flatMap(({ bits }) => bits.activations)),
      better ? `\`${better.by.row.section}\` (${decision(better)})` : '',
      remarks(result),
    ];
  });
  return { type: 'table', columns, rows };
}

function decision({ by, difference: { isDecided, count } }: Beaten): string {
  const planned = plannedSeeds(by.result);
  const word = isDecided ? 'decided' : 'undecided';
  return count < planned ? `${word}, ${seedsText(count, planned)}` : word;
}

/** Sentences that compare learned bits at one budget, and each of their variants, with every other way. */
function verdicts(
  { kbytes, rows, variants }: FrontBudget,
  ways: readonly QuantizedWay[],
  points: readonly Point[],
): string[] {
  const others = ways.filter((way) => way !== 'learned');
  return pointsOf([...rows.learned, ...variants], points).flatMap((learned, index) =>
    others.flatMap((way) => {
      const head = `${kbytes} kB, ${learned.row.label} beside ${wayNames[way]}`;
      // Said once, not of each variant.
      const fitsNone = rows[way].length === 0 && way !== 'narrow' && index === 0;
      if (fitsNone) return [`${head}: no bits that are alike fit.`];
      return pointsOf(rows[way], points).map((other) => verdict(`${head} \`${other.row.id}\`:`, learned, other));
    }),
  );
}

/** Sentences that compare the variants of learned bits at one budget. */
function variantVerdicts({ kbytes, rows, variants }: FrontBudget, points: readonly Point[]): string[] {
  const [learned] = pointsOf(rows.learned, points);
  if (!learned) return [];
  return pointsOf(variants, points).map((variant) =>
    verdict(`${kbytes} kB, ${variant.row.variant} beside ${wayNames.learned}:`, variant, learned),
  );
}

function listed(heading: string, items: readonly string[]): Block[] {
  if (items.length === 0) return [];
  return [
    { type: 'heading', text: heading },
    { type: 'list', items },
  ];
}

/** The points of some rows, as far as these have been run. */
function pointsOf(ids: readonly string[], points: readonly Point[]): Point[] {
  return points.filter(({ row }) => ids.includes(row.id));
}

/** Tells whether one is better than the other, by equal seeds. */
function verdict(head: string, one: Point, other: Point): string {
  const difference = pairedDifference(one.result, other.result);
  if (!difference) {
    const missing = [one, other].filter(({ result }) => result.missing.length > 0);
    const why = missing.map(({ row, result }) => `\`${row.section}\`, ${missingText(result.missing)}`).join('; ');
    return `${head} no seed has both${why && ` (${why})`}.`;
  }
  const planned = plannedSeeds(one.result);
  const late = pairedDifference(one.result, other.result, ({ lateError }) => lateError);
  const inTheEnd = late ? `; in the last tenth of the epochs ${outcome(late, planned)}` : '';
  return `${head} ${outcome(difference, planned)}${inTheEnd}.`;
}

/** A difference in words, with the number of seeds behind it. */
function outcome({ mean, uncertainty, isDecided, count }: PairedDifference, planned: number): string {
  const seeds = seedsText(count, planned);
  if (mean === 0) return `no difference over ${seeds}`;
  const points = `${Math.abs(mean).toFixed(2)} points ${mean > 0 ? 'better' : 'worse'}`;
  if (uncertainty === null) {
    const why =
      count === 1 ? 'one seed, which decides nothing' : `each of ${seeds}, equal differences that ${noSpread}`;
    return `undecided, ${points} with ${why}`;
  }
  const word = isDecided ? (mean > 0 ? '**ahead**' : '**behind**') : 'undecided';
  return `${word}, ${points}, ± ${uncertainty.toFixed(2)} over ${seeds}`;
}

/** The learned bits of every layer, a column for each budget; those of the variants if there are no others. */
function bitPictures(points: readonly Point[]): Block[] {
  const learned = points.filter(({ row }) => row.way === 'learned');
  const plain = learned.filter(({ row }) => row.variant === null);
  const records = (plain.length > 0 ? plain : learned).flatMap(({ row, result }) => {
    const [first, ...rest] = result.runs.map(({ folder }) => readRunRecord(folder.root));
    return first ? [meanRecord(row.section, [first, ...rest])] : [];
  });
  const plot = bitwidthPlot(records);
  return plot
    ? [{ type: 'picture', name: 'bits', caption: 'Learned bits of every layer, of the first seed', plot }]
    : [];
}

/** A table of the agreement of seeds about the bits; nothing if no network has been trained with two. */
function agreementTable(quantized: readonly Point[]): Block[] {
  const columns = [
    { title: 'network', align: 'left' },
    { title: 'seeds', align: 'right' },
    { title: 'weights: same bits with every seed', align: 'right' },
    { title: 'deviation, bits', align: 'right' },
    { title: 'activations: same bits with every seed', align: 'right' },
    { title: 'deviation, bits', align: 'right' },
  ] as const;
  const compared = quantized.filter(
    ({ row: { way }, result: { runs } }) => (way === 'learned' || way === 'allocated') && runs.length > 1,
  );
  if (compared.length === 0) return [];
  const rows = compared.map(({ row, result }) => {
    const cells = (['weights', 'activations'] as const).flatMap((part) => {
      const of = agreement(result.runs.map(({ bits }) => bits[part]));
      return of ? [`${of.alike} of ${of.tensors}`, of.deviation.toFixed(2)] : ['–', '–'];
    });
    return [`\`${row.section}\``, String(result.runs.length), ...cells];
  });
  return [
    { type: 'text', text: 'How far seeds agree about them:' },
    { type: 'table', columns, rows },
  ];
}
