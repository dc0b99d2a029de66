/** The report of a front, made from the run folders only. */

import { bitwidthPlot } from '../report/bitwidthPlot.js';
import { type ColumnOf, filledColumns } from '../report/columns.js';
import type { Block, Document } from '../report/document.js';
import { type FrontSeries, frontPlot } from '../report/frontPlot.js';
import { meanRecord } from '../report/meanRecord.js';
import { readRunRecord } from '../report/runRecord.js';
import { type PairedDifference, pairedDifference } from '../reproduce/claims.js';
import { conditions, makingOf, quickNote, timeTable } from '../reproduce/report.js';
import { bitsText, errorText, gapText, plannedSeeds, remarks, size } from '../reproduce/resultTable.js';
import { type FinishedRunResult, finishedOf, planResults, rowResults } from '../reproduce/rowResult.js';
import { percentSpread, seedsText, spreadOf, spreadText } from '../reproduce/spread.js';
import { agreement } from './agreement.js';
import { comparisons } from './comparisons.js';
import type { Front } from './frontPlan.js';
import { type Measure, measuresOf, nameOf, type Point } from './point.js';
import { meanings, type QuantizedWay, wayNames } from './ways.js';

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
  const measures = measuresOf(points);
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
      ...(points.length > 0 ? [resultTable(points, measures), { type: 'text', text: resultText } as const] : []),
      ...toCome(all.filter(isToCome)),
      ...comparisons(budgets, ways, points, measures),
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
  'Errors are of the chosen parameters on the test images; those of the last epoch and the mean over the last tenth of the ' +
  'epochs, which no image chooses, are left out where they equal a column before in all runs. The training error is of the last epoch, of its ' +
  'batches while they train. Gaps are to the float network of the same seed, in points: the ' +
  'quantized ones begin where it ends, so that in all they have trained longer than it. A network is beaten by one that is ' +
  'no larger, in weights and in activations, and has a smaller mean error over the seeds that both have. In brackets: ' +
  'whether the difference of equal seeds is decided with a confidence of 95 % (Student’s t). ± is the standard deviation ' +
  'over the seeds.';

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

function resultTable(points: readonly Point[], [, ...further]: readonly Measure[]): Block {
  const quantized = points.filter(({ row }) => row.way !== 'float');
  const all: ColumnOf<Point>[] = [
    { title: 'network', align: 'left', cell: nameOf },
    { title: 'error %', align: 'right', cell: ({ result }) => errorText(result) },
    { title: 'gap, points', align: 'right', cell: ({ result }) => gapText(result) },
    ...further.map(
      ({ title, errorOf }): ColumnOf<Point> => ({
        title: `${title} %`,
        align: 'right',
        cell: ({ result }) => {
          const spread = percentSpread(result.runs.map(errorOf));
          return spread ? spreadText(spread) : '–';
        },
      }),
    ),
    { title: 'weights kB', align: 'right', cell: ({ result }) => size(result, 'weights_kb', undefined) },
    {
      title: 'activations max kB',
      align: 'right',
      cell: ({ result }) => size(result, 'activations_max_kb', undefined),
    },
    { title: 'bits W', align: 'left', cell: ({ result }) => bitsText(result.runs.flatMap(({ bits }) => bits.weights)) },
    {
      title: 'bits A',
      align: 'left',
      cell: ({ result }) => bitsText(result.runs.flatMap(({ bits }) => bits.activations)),
    },
    {
      title: 'beaten by',
      align: 'left',
      cell: (point) => {
        const better = beaten(point, quantized);
        return better ? `\`${better.by.row.section}\` (${decision(better)})` : '';
      },
    },
    { title: 'remarks', align: 'left', cell: ({ result }) => remarks(result) },
  ];
  return { type: 'table', ...filledColumns(all, points) };
}

function decision({ by, difference: { isDecided, count } }: Beaten): string {
  const planned = plannedSeeds(by.result);
  const word = isDecided ? 'decided' : 'undecided';
  return count < planned ? `${word}, ${seedsText(count, planned)}` : word;
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
