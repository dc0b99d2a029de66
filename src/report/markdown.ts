/** A report as Markdown; pictures are files beside it. */
import type { Column, DrawnBlock, DrawnDocument, TableLine } from './document.js';

export function markdownOf({ title, blocks }: DrawnDocument): string {
  return `${[`# ${withoutTags(title)}`, ...blocks.map(blockText)].join('\n\n')}\n`;
}

/** A text in which no word, such as the name of a run, begins a tag of HTML; code, in backticks, has none. */
function withoutTags(text: string): string {
  return text.replace(/(`[^`]*`)|<(?=[a-z/!?])/gi, (_, code?: string) => code ?? '\\<');
}

function blockText(block: DrawnBlock): string {
  switch (block.type) {
    case 'heading':
      return `## ${withoutTags(block.text)}`;
    case 'text':
      return withoutTags(block.text);
    case 'list':
      return block.items.map((item) => `- ${withoutTags(item)}`).join('\n');
    case 'table':
      return table(block.columns, block.rows);
    case 'commands':
      return ['```sh', ...block.lines, '```'].join('\n');
    case 'picture':
      return `![${block.caption}](${block.name}.svg)\n\n*${block.caption}*`;
    default:
      return block satisfies never;
  }
}

function table(columns: readonly Column[], rows: readonly TableLine[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => withoutTags(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    line(columns.map(({ title }) => title)),
    `|${columns.map(({ align }) => (align === 'right' ? '---:' : '---')).join('|')}|`,
    // Markdown has no cells over several columns.
    ...rows.map((row) =>
      'group' in row ? line(columns.map((_, index) => (index === 0 ? `**${row.group}**` : ''))) : line(row),
    ),
  ].join('\n');
}
