/**
 * The report of a table, made from the run folders only: the same folders give the same report, however often the runs
 * were interrupted. Only the section of times differs between two executions.
 */

import type { Block, Document } from '../report/document.js';
import type { PlannedRun } from '../runs/plan/planRuns.js';
import type { Selection } from '../selection.js';
import { documentedName, hasBudget, trainCommandLine } from '../settings/index.js';
import { type JudgedClaim, judge } from './claims.js';
import { bitwidthPictures, curvePictures, gradientPictures } from './pictures.js';
import { resultTable } from './resultTable.js';
import { type FinishedRunResult, finishedOf, planResults, type RowResult, rowResults } from './rowResult.js';
import { seedNames } from './spread.js';
import type { Table, TableRow } from './table.js';

export interface ReportOptions {
  readonly table: Table;
  readonly rows: readonly TableRow[];
  readonly plan: readonly PlannedRun[];
  readonly quick: boolean;
  /** The words of the call that made it, behind the program's name. */
  readonly command: string;
}

export function reportOf({ table, rows, plan, quick, command }: ReportOptions): Document {
  const ofRuns = planResults(plan);
  const finished = finishedOf(ofRuns);
  const results = rowResults(rows, table.floatRow, ofRuns);
  const claims = table.claims
    .filter(({ better, than }) => [better, than].every((id) => rows.some((row) => row.id === id)))
    .map((claim) => judge(claim, results));
  return {
    title: table.title,
    blocks: [
      ...(quick ? [quickNote] : []),
      { type: 'text', text: table.introduction },
      { type: 'list', items: [networkText(plan), ...conditions({ epochs: table.publishedEpochs }, plan, finished)] },
      { type: 'heading', text: 'Results' },
      resultTable(table, results),
      { type: 'text', text: explanation(table, results) },
      ...claimBlocks(table, claims),
      ...section('Learning curves', curvePictures(table, results)),
      ...section('Why: the gradients', table.explainsGradients ? gradientPictures() : []),
      ...section('Bits and sizes', bitwidthPictures(table, results)),
      { type: 'heading', text: 'Times' },
      timeTable(finished),
      ...makingOf(plan, finished, command),
    ],
  };
}

export const quickNote: Block = {
  type: 'text',
  text: '**Few epochs on few images (`--quick`): this shows what the report looks like, and is no result.**',
};

/** The call that repeats a single run, by the program's name on this machine or by another name. */
export function commandOf({ experiment, file }: PlannedRun, by?: string): string {
  return trainCommandLine(experiment.name, file.path, experiment.overrides, by);
}

/** The published training of a report's comparison, if there is one; `epochs` is `null` if unknown. */
type Published = { readonly epochs: number | null } | null;

/** The conditions of all runs, and their differences from the published ones. */
export function conditions(
  published: Published,
  plan: readonly PlannedRun[],
  finished: readonly FinishedRunResult[],
): string[] {
  const settings = plan[0]?.experiment.settings;
  if (!settings) return [];
  const { data, limit_train, limit_val, validation_split, select, epochs, batch_size } = settings;
  const seeds = [...new Set(plan.map(({ seed }) => seed))];
  const images = limit_train === null ? 'all training images' : `${limit_train} training images`;
  const tests = limit_val === null ? 'all test images' : `${limit_val} test images`;
  const isPart = limit_train !== null || limit_val !== null;
  const publishedEpochs = published?.epochs ?? 0;
  return [
    runsText(plan.length, finished.length),
    `Images: \`${data}\`, ${images}, ${tests}; batches of ${batch_size}.`,
    `${epochsText(plan)}; ${seedNames(seeds)}${seeds.length === 1 ? '' : ', given as mean ± standard deviation'}.`,
    selectionText(select, validation_split, published !== null),
    ...(epochs < publishedEpochs ? [`The paper trains ${publishedEpochs} epochs: expect larger errors.`] : []),
    ...(isPart && published !== null
      ? ['Only a part of the images is used: these numbers say nothing about the published ones.']
      : []),
    ...budgetCondition(plan),
    `Device: ${unique(finished.map(({ summary }) => summary.device)).join('; ') || 'none, nothing has run'}.`,
  ];
}

/** What chooses the parameters, and whether published numbers were chosen otherwise. */
function selectionText(select: Selection, split: number | null, isPublished: boolean): string {
  const flattered = ' The published numbers were chosen by the test images themselves, which flatters them.';
  switch (select) {
    case 'test':
      return 'The test images choose the parameters (`select = test`), as in the published numbers: both are flattered by it.';
    case 'validation':
      return `Of the training images ${split ?? 'a tenth (at most 5000)'}, chosen by the seed, choose the parameters (\`select = validation\`); the test images are only reported on.${isPublished ? flattered : ''}`;
    case 'last':
      return `The parameters are those of the last epoch (\`select = last\`), chosen by no images; with a budget those of the last inside it.${isPublished ? flattered : ''}`;
  }
}

function networkText(plan: readonly PlannedRun[]): string {
  const names = unique(plan.map(({ experiment }) => `\`${experiment.network.model}\``));
  return `${names.length === 1 ? 'Network' : 'Networks'}: ${names.join(', ')}.`;
}

function runsText(planned: number, finished: number): string {
  const runs = `${planned} ${planned === 1 ? 'run' : 'runs'}`;
  return finished === planned
    ? `${runs}; every one came to its end.`
    : `${runs}, of which ${finished} came to their end.`;
}

function epochsText(plan: readonly PlannedRun[]): string {
  const counts = unique(plan.map(({ experiment }) => String(experiment.training.epochs)));
  return `${counts.join(' or ')} ${counts.join() === '1' ? 'epoch' : 'epochs'}`;
}

function budgetCondition(plan: readonly PlannedRun[]): string[] {
  const constrained = plan.find(({ experiment }) => hasBudget(experiment.budget));
  if (!constrained) return [];
  const { mode } = constrained.experiment.budget;
  const meaning = {
    guaranteed: 'every epoch ends inside the budget, which the penalty of the published code does not achieve',
    penalty: 'exceeding it costs, as in the published code, and only some epochs end inside of it',
  };
  const limitsFall = plan.some(({ experiment }) => experiment.budget.slack > 1);
  const exception = limitsFall
    ? '; with `budget_slack` only from the end of the search on, and no epoch outside is chosen'
    : '';
  return [`Runs with a budget have \`budget = ${mode}\`: ${meaning[mode]}${exception}.`];
}

function explanation({ published }: Table, results: readonly RowResult[]): string {
  const brackets = Object.keys(published.results).length > 0 ? '; published ones stand in brackets' : '';
  const gap = results.some((result) => result.gap !== null)
    ? '; the gap is to the float network of the same seed, in points'
    : '';
  return `Errors are of the chosen parameters on the test images${gap}. Sizes are those of the chosen parameters${brackets}.`;
}

function claimBlocks({ published }: Table, claims: readonly JudgedClaim[]): Block[] {
  const source: Block[] = published.source === '' ? [] : [{ type: 'text', text: published.source }];
  if (claims.length === 0) return source;
  const count = (of: JudgedClaim['verdict']) => claims.filter(({ verdict }) => verdict === of).length;
  const unknown = count('unknown');
  return [
    ...source,
    { type: 'heading', text: 'What the paper claims, and what these runs say' },
    {
      type: 'text',
      text:
        `Of ${claims.length} comparisons ${count('holds')} come out as the paper says, ${count('contradicted')} contradict it, ` +
        `${count('undecided')} are undecided${unknown > 0 ? `, ${unknown} lack results` : ''}.`,
    },
    { type: 'list', items: claims.map(({ verdict, sentence }) => `**${verdict}** ${sentence}`) },
  ];
}

function section(heading: string, blocks: readonly Block[]): Block[] {
  return blocks.length === 0 ? [] : [{ type: 'heading', text: heading }, ...blocks];
}

export function timeTable(finished: readonly FinishedRunResult[]): Block {
  const columns = [
    { title: 'seed', align: 'right' },
    { title: 'experiment', align: 'left' },
    { title: 'epochs', align: 'right' },
    { title: 'seconds', align: 'right' },
    { title: 'images/s', align: 'right' },
  ] as const;
  const rows = finished.map(({ run, summary }) => [
    String(run.seed),
    `\`${run.experiment.name}\``,
    String(summary.epochs),
    summary.seconds.toFixed(1),
    summary.images_per_second.toFixed(0),
  ]);
  const seconds = finished.reduce((sum, { summary }) => sum + summary.seconds, 0);
  return { type: 'table', columns, rows: [...rows, ['', 'all', '', seconds.toFixed(1), '']] };
}

/** The commands that make the report again. */
export function makingOf(
  plan: readonly PlannedRun[],
  finished: readonly FinishedRunResult[],
  command: string,
): Block[] {
  return [
    { type: 'heading', text: 'How to make this report again' },
    { type: 'text', text: versionText(finished) },
    { type: 'commands', lines: [`${documentedName} ${command}`] },
    { type: 'text', text: 'It runs these, in this order; each can be run alone:' },
    { type: 'commands', lines: plan.map((run) => commandOf(run, documentedName)) },
  ];
}

function versionText(finished: readonly FinishedRunResult[]): string {
  const versions = unique(
    finished.map(({ config }) =>
      Object.entries(config.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ),
  );
  return `Made with ${versions.join('; ') || 'no run'}. An interrupted call goes on where it stopped, and reuses what is finished.`;
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
