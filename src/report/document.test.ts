import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { type Document, writeDocument } from './document.js';

const document: Document = {
  title: 'Errors < 10 % & more',
  blocks: [
    { type: 'text', text: 'Made with `mpdnn <table>`, **as remembered**.' },
    { type: 'heading', text: 'Results' },
    { type: 'list', items: ['one', 'two'] },
    {
      type: 'table',
      columns: [
        { title: 'row', align: 'left' },
        { title: 'error', align: 'right' },
      ],
      rows: [{ group: 'Float' }, ['a|b', '7.29'], ['<b>1 `<b>`', '< 8']],
    },
    {
      type: 'picture',
      name: 'dots',
      caption: 'Dots "here"',
      plot: { data: { values: [{ x: 1 }] }, mark: 'point', encoding: { x: { field: 'x' } } },
    },
    { type: 'commands', lines: ['mpdnn a', 'mpdnn b > c'] },
  ],
};

const folder = temporaryFolder();
beforeAll(() => writeDocument(document, join(folder, 'report')));
const read = (name: string) => readFileSync(join(folder, 'report', name), 'utf8');

it('leaves two files and the pictures', () => {
  expect(readdirSync(join(folder, 'report')).sort()).toEqual(['dots.png', 'dots.svg', 'report.html', 'report.md']);
});

it('is Markdown with pictures beside it', () => {
  expect(read('report.md')).toBe(`# Errors < 10 % & more

Made with \`mpdnn <table>\`, **as remembered**.

## Results

- one
- two

| row | error |
|---|---:|
| **Float** |  |
| a\\|b | 7.29 |
| \\<b>1 \`<b>\` | < 8 |

![Dots "here"](dots.svg)

*Dots "here"*

\`\`\`sh
mpdnn a
mpdnn b > c
\`\`\`
`);
});

it('is one HTML file that needs no other', () => {
  const html = read('report.html');
  expect(html).toContain('<h1>Errors &lt; 10 % &amp; more</h1>');
  expect(html).toContain('<p>Made with <code>mpdnn &lt;table&gt;</code>, <strong>as remembered</strong>.</p>');
  expect(html).toContain(
    '<tr class="group"><td colspan="2">Float</td></tr>\n<tr><td>a|b</td><td class="right">7.29</td></tr>\n' +
      '<tr><td>&lt;b&gt;1 <code>&lt;b&gt;</code></td><td class="right">&lt; 8</td></tr>',
  );
  expect(html).toContain('<pre>mpdnn a\nmpdnn b &gt; c</pre>');
  expect(html).toContain('alt="Dots &quot;here&quot;"');
  const sources = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, source]) => source ?? '');
  expect(sources).toHaveLength(1);
  const [, picture] = /^data:image\/svg\+xml;base64,(.*)$/.exec(sources[0]!) ?? [];
  expect(Buffer.from(picture!, 'base64').toString()).toBe(read('dots.svg'));
});
