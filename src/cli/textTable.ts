/** Text tables for terminals. */
import { printable } from '../errors.js';

/** Smallest width to which a column is narrowed. */
const NARROWEST = 8;

/**
 * Rows as aligned columns with spaces between. If they are wider than `width`, the widest columns are wrapped: at
 * spaces, after `_`, `,` and `/`, and anywhere in a longer word.
 */
export function textTable(rows: readonly (readonly string[])[], width = Number.POSITIVE_INFINITY): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0))) ?? [];
  const gaps = 2 * (widths.length - 1);
  while (gaps + widths.reduce((sum, own) => sum + own, 0) > width) {
    const widest = Math.max(...widths);
    if (widest <= NARROWEST) break;
    widths[widths.lastIndexOf(widest)] = widest - 1;
  }
  return cells.flatMap((row) => linesOf(row, widths)).join('\n');
}

/** The lines of one row. */
function linesOf(row: readonly string[], widths: readonly number[]): string[] {
  const wrapped = row.map((cell, column) => wrap(cell, widths[column] ?? cell.length));
  return Array.from({ length: Math.max(...wrapped.map((lines) => lines.length)) }, (_, line) =>
    wrapped
      .map((lines, column) => (lines[line] ?? '').padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function wrap(cell: string, width: number): string[] {
  const lines: string[] = [''];
  for (let part of cell.match(/[^ _,/]*[ _,/]*/g) ?? []) {
    if (lines.at(-1) !== '' && (lines.at(-1) + part).trimEnd().length > width) lines.push('');
    while (part.trimEnd().length > width) {
      lines[lines.length - 1] = part.slice(0, width);
      lines.push('');
      part = part.slice(width);
    }
    lines[lines.length - 1] += part;
  }
  return lines.map((line) => line.trimEnd());
}
