/** The code blocks of docs/library.md: those for Node as one module, those for a browser by the names of their files. */

import { readFileSync } from 'node:fs';

export function libraryExamples(): { readonly node: string; readonly browser: ReadonlyMap<string, string> } {
  const blocks = [...readFileSync('docs/library.md', 'utf8').matchAll(/^```ts(?: (\S+))?\n([\s\S]*?)^```$/gm)];
  const named = blocks.map(([, name, code]) => [name, code!] as const);
  return {
    node: named.flatMap(([name, code]) => (name === undefined ? [code] : [])).join('\n'),
    browser: new Map(named.flatMap(([name, code]) => (name === undefined ? [] : [[name, code] as const]))),
  };
}
