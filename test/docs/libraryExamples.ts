import { readFileSync } from 'node:fs';

/** The code blocks of docs/library.md: those for Node as one module, those for a browser by the names of their files. */
export function libraryExamples(): { readonly node: string; readonly browser: ReadonlyMap<string, string> } {
  const blocks = [...readFileSync('docs/library.md', 'utf8').matchAll(/^```ts(?: (\S+))?\n([\s\S]*?)^```$/gm)];
  const named = blocks.map(([, name, code]) => [name, code!] as const);
  return {
    node: named.flatMap(([name, code]) => (name === undefined ? [code] : [])).join('\n'),
    browser: new Map(named.flatMap(([name, code]) => (name === undefined ? [] : [[name, code] as const]))),
  };
}

/** The commands with which esbuild bundles the examples for a browser. */
export function bundlingCommands(): string {
  return /^ {2}```sh\n([\s\S]*?esbuild[\s\S]*?)^ {2}```$/m.exec(readFileSync('docs/library.md', 'utf8'))![1]!;
}

/** The code after `@example` in docstrings, each as a module that may use `data`, `image` and `pixels`, by a name. */
export function docstringExamples(sources: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    sources.flatMap((source) =>
      [...readFileSync(source, 'utf8').matchAll(/ \* @example\n \* ```ts\n((?: \*.*\n)*?) \* ```/g)].map(
        ([, lines], index) => [`${source.replace(/\W/g, '_')}_${index}.ts`, lines!.replaceAll(/^ \* ?/gm, '')] as const,
      ),
    ),
  );
}

/** The files of docs/own-networks.md, of which README has the first, too. */
export function ownNetworkExamples(): ReadonlyMap<string, string> {
  const blocks = readFileSync('docs/own-networks.md', 'utf8').matchAll(/^```js (\S+)\n([\s\S]*?)^```$/gm);
  return new Map([...blocks].map(([, name, code]) => [name!, code!] as const));
}
