/** The documents as pages: every link leads to a page, an anchor in it or a picture; what leads nowhere is named. */

import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { expect, it } from 'vitest';
import { documents, renderPages } from '../../scripts/buildDocs.mjs';

const nothing = () => false;

it('are all linked soundly', () => {
  const { pages, pictures, faults } = renderPages(documents(), existsSync);
  expect(faults).toEqual([]);
  expect([...pages.keys()]).toEqual(
    expect.arrayContaining(['index.html', 'method.html', 'reports/cifar10/report.html']),
  );
  const shown = new Set([...pictures].map((picture) => picture.replace(/^docs\//, '')));
  let count = 0;
  for (const [path, html] of pages) {
    expect(html).not.toContain('<script');
    for (const [, address] of html.matchAll(/(?:href|src)="([^"]*)"/g)) {
      if (/^(https?:|data:)/.test(address!)) continue;
      const [file, anchor] = address!.split('#') as [string, string | undefined];
      const target = file === '' ? path : posix.join(posix.dirname(path), file);
      // The tab lies above the pages, their style among them.
      if (['../index.html', 'style.css'].includes(target) || shown.has(target)) continue;
      count++;
      const page = pages.get(target);
      expect(page, `${path}: ${address}`).toBeDefined();
      if (anchor) expect(page).toContain(` id="${anchor}"`);
    }
  }
  expect(count).toBeGreaterThan(400);
});

it('name links that lead nowhere, and leave those to what is no page as text', () => {
  const texts = new Map([
    [
      'README.md',
      '# Start\n\n| read on | |\n|---|---|\n| [a](docs/a.md) | words |\n\n[gone](docs/gone.md) [code](src/x.ts)',
    ],
    ['docs/a.md', '# A & B\n\n[up](../README.md#start) [no](../README.md#end) [own](#a--b) ![no](no.png) `<b>`'],
  ]);
  const { pages, faults } = renderPages(texts, (path: string) => path === 'src/x.ts');
  expect(faults).toEqual([
    'README.md: docs/gone.md: leads nowhere',
    'docs/a.md: ../README.md#end: leads nowhere',
    'docs/a.md: no.png: leads nowhere',
  ]);
  expect(pages.get('index.html')).toContain('<p>gone code</p>');
  const page = pages.get('a.html')!;
  expect(page).toContain('<h1 id="a--b">A &amp; B</h1>');
  expect(page).toContain('<a href="index.html#start">up</a> no <a href="a.html#a--b">own</a>');
  expect(page).toContain('<code>&lt;b&gt;</code>');
  expect(
    renderPages(new Map([['README.md', '| read on | |\n|---|---|\n| [a](docs/a.md) | |']]), nothing).faults,
  ).toEqual(['README.md: docs/a.md: leads nowhere', 'README.md: docs/a.md: leads nowhere']);
});
