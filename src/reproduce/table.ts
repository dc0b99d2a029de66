/**
 * A table of the paper as data: which experiment stands behind each row, what the paper says of it, and which rows are
 * drawn together.
 */

import type { Overrides } from '../settings/index.js';
import type { PublishedResults } from './publishedResults.js';

/** A line of a report: what its runs are called, and the section that they train. */
export interface ReportRow {
  /** Unique in the report. */
  readonly id: string;
  readonly label: string;
  /** Rows of one group stand together. */
  readonly group: string;
  readonly section: string;
}

/** A row whose identifier is also the key of its published result. */
export interface TableRow extends ReportRow {
  /** The file of the section, in `configs/`. */
  readonly config: string;
}

/** A claim of the paper: the row `better` has the smaller error. */
export interface Claim {
  readonly better: string;
  readonly than: string;
}

/** Rows whose curves, or bars, go into one picture. */
export interface PictureGroup {
  /** Part of the file's name. */
  readonly name: string;
  readonly title: string;
  readonly rows: readonly string[];
}

/** How a table is run where the call does not say otherwise. */
interface TableDefaults {
  readonly seeds: readonly number[];
  readonly settings: Overrides;
}

export interface Table {
  readonly name: string;
  readonly title: string;
  /** Says in whole sentences what is compared. */
  readonly introduction: string;
  readonly published: PublishedResults;
  /** Endings of the sections' names among which the call may choose; the first one is the default. */
  readonly variants: readonly string[];
  rows(variant: string): readonly TableRow[];
  /** The float network that the row's error is compared with; the row itself where nothing is. */
  floatRow(row: ReportRow): string;
  readonly claims: readonly Claim[];
  readonly curves: readonly PictureGroup[];
  /** Learned bits, and sizes against the budget. */
  readonly bitwidths: readonly PictureGroup[];
  /** Draw the gradients of the parametrizations too. */
  readonly explainsGradients: boolean;
  readonly full: TableDefaults;
  /** Few epochs on few images: ten minutes on two cores. */
  readonly quick: TableDefaults;
  /** Where the runs go by default; tables with the same runs share them. */
  readonly out: string;
  /** How long the paper trains, where it is known. */
  readonly publishedEpochs: number | null;
  /** The images that the table is about, for sizes before any are loaded. */
  readonly images: { readonly classes: number; readonly side: number };
}
