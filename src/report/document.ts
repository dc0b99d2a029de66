/**
 * A report as data (headings, sentences, tables and pictures), written as Markdown with the pictures beside it, and as
 * one self-contained HTML file.
 */
import { join } from 'node:path';
import type { TopLevelSpec } from 'vega-lite';
import { discardUnfinished, makeFolder, writeDurably } from '../runs/index.js';
import { htmlOf } from './html.js';
import { markdownOf } from './markdown.js';
import { renderPng, renderSvg } from './renderPlot.js';

/** A block; its texts may have words in backticks (code) and in **bold**. */
export type Block =
  | { readonly type: 'heading'; readonly text: string }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'list'; readonly items: readonly string[] }
  | { readonly type: 'table'; readonly columns: readonly Column[]; readonly rows: readonly TableLine[] }
  | { readonly type: 'commands'; readonly lines: readonly string[] }
  | { readonly type: 'picture'; readonly name: string; readonly caption: string; readonly plot: TopLevelSpec };

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

/** Cells, or one line over all columns. */
export type TableLine = readonly string[] | { readonly group: string };

export interface Document {
  readonly title: string;
  readonly blocks: readonly Block[];
}

/** A block whose picture is drawn. */
export type DrawnBlock =
  | Exclude<Block, { readonly type: 'picture' }>
  | { readonly type: 'picture'; readonly name: string; readonly caption: string; readonly svg: string };

export interface DrawnDocument {
  readonly title: string;
  readonly blocks: readonly DrawnBlock[];
}

/**
 * Writes `report.md`, `report.html` and each picture as SVG and PNG into `folder`. Returns the paths of the two
 * reports.
 */
export async function writeDocument(document: Document, folder: string): Promise<[markdown: string, html: string]> {
  makeFolder(folder);
  discardUnfinished(folder);
  const blocks: DrawnBlock[] = [];
  for (const block of document.blocks) {
    if (block.type !== 'picture') {
      blocks.push(block);
      continue;
    }
    const { type, name, caption, plot } = block;
    const svg = await renderSvg(plot);
    writeDurably(join(folder, `${name}.svg`), svg);
    writeDurably(join(folder, `${name}.png`), await renderPng(svg));
    blocks.push({ type, name, caption, svg });
  }
  const drawn = { title: document.title, blocks };
  const paths: [string, string] = [join(folder, 'report.md'), join(folder, 'report.html')];
  writeDurably(paths[0], markdownOf(drawn));
  writeDurably(paths[1], htmlOf(drawn));
  return paths;
}
