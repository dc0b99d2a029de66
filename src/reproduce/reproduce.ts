/** Plans the runs of a table, executes them, and writes the report. */

import { join } from 'node:path';
import { InputError } from '../errors.js';
import { type Document, writeDocument } from '../report/document.js';
import { loadWhole } from '../runs/experimentData.js';
import { lockFolder } from '../runs/lock.js';
import { type ExecuteOptions, executePlan, type PlanEnd } from '../runs/plan/executePlan.js';
import { type PlannedRun, planRuns } from '../runs/plan/planRuns.js';
import type { Workbench } from '../runs/workbench.js';
import type { Overrides } from '../settings/index.js';
import { publishedSections } from './publishedConfig.js';
import { quickImages } from './quickImages.js';
import { reportOf } from './report.js';
import type { Table, TableRow } from './table.js';

export interface ReproduceOptions {
  readonly seeds?: readonly number[] | undefined;
  readonly out?: string | undefined;
  /** The ending of the sections' names. */
  readonly variant?: string | undefined;
  /** Rows whose identifier begins with one of these; by default all. */
  readonly only?: readonly string[] | undefined;
  readonly quick: boolean;
  /** Overrides of the table's keys. */
  readonly settings: Overrides;
  readonly budget: string;
}

export interface Reproduction {
  readonly table: Table;
  readonly rows: readonly TableRow[];
  readonly plan: readonly PlannedRun[];
  /** True for a quick preview of the report, without real results. */
  readonly quick: boolean;
  /** The folder of the plan. */
  readonly out: string;
  /** The folder of the report. */
  readonly folder: string;
}

/**
 * Plans the runs. A quick call for data of its own loads them with `bench`, since they may be few.
 *
 * @throws InputError for options that do not fit the table
 */
export async function planReproduction(
  table: Table,
  options: ReproduceOptions,
  bench: Workbench,
  onTask: (task: string, done: number, total: number) => void,
): Promise<Reproduction> {
  const { quick, variant = table.variants[0]!, only } = options;
  if (!table.variants.includes(variant)) {
    throw new InputError(`--variant ${variant}: ${table.name} has ${table.variants.join(', ')}`);
  }
  const defaults = quick ? table.quick : table.full;
  const out = options.out ?? (quick ? `${table.out}-quick` : table.out);
  const rows = chosenRows(table, table.rows(variant), only);
  const planned = (images: Overrides) =>
    planRuns(publishedSections(rows), {
      seeds: options.seeds ?? defaults.seeds,
      out,
      settings: { ...defaults.settings, ...images, ...given(options.settings) },
      budgetSettings: { budget: options.budget },
    });
  let plan = planned({});
  if (quick) {
    const asked = plan[0]!.experiment;
    const whole = options.settings.data === undefined ? undefined : await loadWhole(asked, onTask);
    plan = planned(quickImages(table.quick.images, asked, whole));
    if (whole) await bench.data(plan[0]!.experiment, { task: onTask }, whole);
  }
  return { table, rows, plan, quick, out, folder: join(out, table.name) };
}

/** Executes the plan and, unless the signal came before the end, writes the report: `paths` are its two files. */
export async function reproduce(
  { folder, ...reproduction }: Reproduction,
  options: ExecuteOptions & { readonly command: string },
): Promise<ReportEnd> {
  const { plan } = reproduction;
  const report = () => reportOf({ ...reproduction, command: options.command });
  return runAndReport({ plan, folder, does: 'reproduces the table', report }, options);
}

/**
 * Executes a plan and writes the report into a folder that is locked while runs train; `does`: their purpose, for the
 * lock. A call that trains nothing may read beside one that does.
 */
export async function runAndReport(
  {
    plan,
    folder,
    does,
    report,
  }: {
    readonly plan: readonly PlannedRun[];
    readonly folder: string;
    readonly does: string;
    readonly report: () => Document;
  },
  options: ExecuteOptions,
): Promise<ReportEnd> {
  const lock = options.trainsNothing ? null : await lockFolder(folder, { does, onLine: options.events.line });
  try {
    const end = await executePlan(plan, options);
    return { ...end, paths: end.complete ? await writeDocument(report(), folder) : [] };
  } finally {
    lock?.release();
  }
}

/** The end of the runs, and the files of the report; none if the signal came first. */
export interface ReportEnd extends PlanEnd {
  readonly paths: readonly string[];
}

/** The chosen rows and the float rows, which are needed for comparisons. */
function chosenRows(table: Table, rows: readonly TableRow[], only: readonly string[] | undefined): TableRow[] {
  if (only === undefined) return [...rows];
  const fits = (id: string, word: string) => id.toLowerCase().startsWith(word.toLowerCase());
  const strange = only.find((word) => !rows.some(({ id }) => fits(id, word)));
  if (strange !== undefined) {
    throw new InputError(
      `--only ${strange}: no row of ${table.name} begins so; rows: ${rows.map(({ id }) => id).join(', ')}`,
    );
  }
  const chosen = rows.filter(({ id }) => only.some((word) => fits(id, word)));
  const floats = new Set(chosen.map((row) => table.floatRow(row)));
  return rows.filter((row) => chosen.includes(row) || floats.has(row.id));
}

/** The overrides without undefined ones. */
function given(settings: Overrides): Overrides {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
