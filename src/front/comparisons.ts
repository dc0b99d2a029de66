/** Networks of a front beside each other, by equal seeds: a line for each pair, a column for each error. */

import type { Block, TableLine } from '../report/document.js';
import { noSpread, type PairedDifference, pairedDifference } from '../reproduce/claims.js';
import { plannedSeeds, remarks, signed } from '../reproduce/resultTable.js';
import { seedsText } from '../reproduce/spread.js';
import type { FrontBudget } from './frontPlan.js';
import { type Measure, nameOf, type Point, pointsOf } from './point.js';
import { type QuantizedWay, wayNames } from './ways.js';

/** Learned bits, and each of their variants, beside every other way, and then the variants beside learned bits, by budget. */
export function comparisons(
  budgets: readonly FrontBudget[],
  ways: readonly QuantizedWay[],
  points: readonly Point[],
  measures: readonly Measure[],
): Block[] {
  const columns = [
    { title: 'kB', align: 'right' },
    { title: 'network', align: 'left' },
    { title: 'beside', align: 'left' },
    { title: 'verdict', align: 'left' },
    ...measures.map(({ title }) => ({ title, align: 'right' }) as const),
  ] as const;
  const tables: [heading: string, rows: TableLine[]][] = [
    ['Do learned bits win?', budgets.flatMap((budget) => besideOtherWays(budget, ways, points, measures))],
    ['Do the variants help?', budgets.flatMap((budget) => variantsBesideLearned(budget, points, measures))],
  ];
  return tables
    .filter(([, rows]) => rows.length > 0)
    .flatMap(([heading, rows], index): Block[] => [
      { type: 'heading', text: heading },
      ...(index === 0 ? [{ type: 'text', text: explanation } as const] : []),
      { type: 'table', columns, rows },
    ]);
}

function besideOtherWays(
  { kbytes, rows, variants }: FrontBudget,
  ways: readonly QuantizedWay[],
  points: readonly Point[],
  measures: readonly Measure[],
): TableLine[] {
  return pointsOf([...rows.learned, ...variants], points).flatMap((learned, index) =>
    ways.flatMap((way): TableLine[] => {
      if (way === 'learned') return [];
      // Said once, not of each variant.
      const fitsNone = rows[way].length === 0 && way !== 'narrow' && index === 0;
      if (fitsNone)
        return [[`${kbytes}`, nameOf(learned), wayNames[way], 'no bits that are alike fit', ...measures.map(() => '')]];
      return pointsOf(rows[way], points).map((other) => line(kbytes, learned, other, measures));
    }),
  );
}

function variantsBesideLearned(
  { kbytes, rows, variants }: FrontBudget,
  points: readonly Point[],
  measures: readonly Measure[],
): TableLine[] {
  return pointsOf(rows.learned, points).flatMap((learned) =>
    pointsOf(variants, points).map((variant) => line(kbytes, variant, learned, measures)),
  );
}

const explanation =
  'Errors of the first network less those of the second with the same seed, in points: below zero the first has less. ' +
  '± is half of the interval of 95 % (Student’s t), bold where it excludes zero; in brackets the number of seeds with which the ' +
  'first has less. Without ± there is one seed, or differences are equal. The verdict is by the first of these errors.';

function line(kbytes: number, one: Point, other: Point, measures: readonly Measure[]): TableLine {
  const differences = measures.map(({ errorOf }) => pairedDifference(one.result, other.result, errorOf));
  const head = [`${kbytes}`, nameOf(one), nameOf(other), verdict(one, other, differences[0]!)];
  return [...head, ...differences.map((difference) => (difference ? cell(difference) : '–'))];
}

/** Tells which one is better, or why nothing can be said. */
function verdict(one: Point, other: Point, difference: PairedDifference | null): string {
  if (!difference) {
    const why = [one, other].flatMap(({ row, result }) => {
      const reasons = remarks(result);
      return reasons === '' ? [] : [`\`${row.section}\`, ${reasons}`];
    });
    return `no seed has both${why.length > 0 ? ` (${why.join('; ')})` : ''}`;
  }
  const { mean, uncertainty, isDecided, count } = difference;
  const planned = plannedSeeds(one.result);
  const seeds = count < planned || count === 1 ? `, ${seedsText(count, planned)}` : '';
  if (isDecided) return `${mean > 0 ? '**ahead**' : '**behind**'}${seeds}`;
  const equal = uncertainty === null && count > 1 ? `, equal differences ${noSpread}` : '';
  return `undecided${seeds}${equal}`;
}

/** As `**-0.22 ± 0.21** (6 of 6)`. */
function cell({ mean, uncertainty, isDecided, count, wins }: PairedDifference): string {
  const text = `${signed(-mean)}${uncertainty === null ? '' : ` ± ${uncertainty.toFixed(2)}`}`;
  return `${isDecided ? `**${text}**` : text} (${wins} of ${count})`;
}
