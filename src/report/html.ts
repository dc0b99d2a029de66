/** A report as one HTML file, without scripts and without other files. */
import type { Column, DrawnBlock, DrawnDocument, TableLine } from './document.js';

export function htmlOf({ title, blocks }: DrawnDocument): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>
${style}
</style>
</head>
<body>
<main>
<h1>${inline(title)}</h1>
${blocks.map(blockHtml).join('\n')}
</main>
</body>
</html>
`;
}

const style = `:root { color-scheme: light; }
body { margin: 0; background: #fff; color: #222; font: 16px/1.5 system-ui, "DejaVu Sans", Verdana, sans-serif; }
main { max-width: 78rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.25; }
h2 { font-size: 1.25rem; margin-top: 2.5rem; }
p, li { max-width: 48rem; }
code, pre { font: 0.875em/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
code { background: #f2f2f2; padding: 0.1em 0.3em; border-radius: 3px; }
pre { background: #f6f6f6; padding: 0.8rem 1rem; overflow-x: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.8125rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.5rem; border-bottom: 1px solid #e4e4e4; text-align: left; vertical-align: top; }
td code { background: none; padding: 0; white-space: nowrap; }
th { border-bottom: 2px solid #8a8a8a; }
td.right, th.right { text-align: right; }
td.right { white-space: nowrap; }
tr.group td { font-weight: 600; padding-top: 0.9rem; border-bottom-color: #8a8a8a; }
figure { margin: 1.5rem 0; }
figure img { max-width: 100%; height: auto; }
figcaption { color: #5f5f5f; font-size: 0.875rem; max-width: 48rem; }`;

function blockHtml(block: DrawnBlock): string {
  switch (block.type) {
    case 'heading':
      return `<h2>${inline(block.text)}</h2>`;
    case 'text':
      return `<p>${inline(block.text)}</p>`;
    case 'list':
      return `<ul>\n${block.items.map((item) => `<li>${inline(item)}</li>`).join('\n')}\n</ul>`;
    case 'table':
      return table(block.columns, block.rows);
    case 'commands':
      return `<pre>${escaped(block.lines.join('\n'))}</pre>`;
    case 'picture': {
      // Embedded as an image, so that ids of one drawing do not clash with those of another.
      const source = `data:image/svg+xml;base64,${Buffer.from(block.svg).toString('base64')}`;
      const caption = `<figcaption>${inline(block.caption)}</figcaption>`;
      return `<figure>\n<img alt="${escaped(block.caption)}" src="${source}">\n${caption}\n</figure>`;
    }
    default:
      return block satisfies never;
  }
}

function table(columns: readonly Column[], rows: readonly TableLine[]): string {
  const cell = (tag: 'td' | 'th', text: string, index: number) =>
    `<${tag}${columns[index]?.align === 'right' ? ' class="right"' : ''}>${inline(text)}</${tag}>`;
  const head = columns.map(({ title }, index) => cell('th', title, index)).join('');
  const body = rows.map((row) =>
    'group' in row
      ? `<tr class="group"><td colspan="${columns.length}">${inline(row.group)}</td></tr>`
      : `<tr>${row.map((text, index) => cell('td', text, index)).join('')}</tr>`,
  );
  return `<div class="wide"><table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body.join('\n')}\n</tbody>\n</table></div>`;
}

/** Escapes text and formats `code` and **bold** words. */
function inline(text: string): string {
  return escaped(text)
    .replace(/`([^`]+)`/g, '<code>$1</code>')
    .replace(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
