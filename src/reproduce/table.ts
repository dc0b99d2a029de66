/** A table of the paper as data: the experiment of each row, the paper's results, and the rows of each picture. */

import type { Overrides } from '../settings/index.js';
import type { PublishedResults } from './publishedResults.js';
import type { EnoughImages } from './quickImages.js';

/** A line of a report: the name of its runs, and the section that they train. */
export interface ReportRow {
  /** Unique in the report. */
  readonly id: string;
  readonly label: string;
  /** Rows of one group are adjacent. */
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

/** Rows whose curves, or bars, are in one picture. */
export interface PictureGroup {
  /** Part of the file's name. */
  readonly name: string;
  readonly title: string;
  readonly rows: readonly string[];
}

/** Settings of a table's runs unless the call gives others. */
interface TableDefaults {
  readonly seeds: readonly number[];
  readonly settings: Overrides;
}

export interface Table {
  readonly name: string;
  readonly title: string;
  /** Whole sentences about what is compared. */
  readonly introduction: string;
  readonly published: PublishedResults;
  /** Endings of the sections' names from which the call may choose; the first one is the default. */
  readonly variants: readonly string[];
  rows(variant: string): readonly TableRow[];
  /** The float network with whose error that of the row is compared; the row itself for no comparison. */
  floatRow(row: ReportRow): string;
  readonly claims: readonly Claim[];
  readonly curves: readonly PictureGroup[];
  /** Pictures of learned bits, and of sizes with the budget. */
  readonly bitwidths: readonly PictureGroup[];
  /** True to draw the gradients of the parametrizations too. */
  readonly explainsGradients: boolean;
  readonly full: TableDefaults;
  /** Few epochs on few images: ten minutes on two cores. */
  readonly quick: TableDefaults & { readonly images: EnoughImages };
  /** Default folder of the runs; tables with the same runs share it. */
  readonly out: string;
  /** The paper's number of epochs, if known. */
  readonly publishedEpochs: number | null;
  /** The images of the table, for sizes before any are loaded. */
  readonly images: { readonly classes: number; readonly side: number };
}
