/** Calls in the documents: every option is one of its command. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { expect, it } from 'vitest';

const pages = [
  'README.md',
  'CHANGELOG.md',
  ...readdirSync('docs').flatMap((name) => (/\.md$/.test(name) ? [join('docs', name)] : [])),
];

/** The calls of a page, in code of several lines or within a sentence, as command and options. */
function callsOf(text: string): { readonly command: string; readonly options: readonly string[] }[] {
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```$|^ {4}\S.*$/gm)].flatMap(([block]) => block.split('\n'));
  const sentences = [...text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/`([^`]+)`/g)].map(([, code]) =>
    code!.replaceAll('\n', ' '),
  );
  return [...blocks, ...sentences].flatMap((line) => {
    const [, command, words] = /\bmpdnn ([a-z]+)\b([^#]*)/.exec(line) ?? [];
    return command ? [{ command, options: words!.match(/(?<=\s)--[a-z][a-z-]*/g) ?? [] }] : [];
  });
}

/** Those that the commands do not have, as `COMMAND --OPTION`. */
async function unknown(text: string): Promise<string[]> {
  const faults: string[] = [];
  for (const { command, options } of callsOf(text)) {
    const module = (await import(`../../src/cli/${command}.ts`)) as Record<string, () => Command>;
    const known = module[`${command}Command`]!().options.map(({ long }) => long);
    faults.push(...options.filter((option) => !known.includes(option)).map((option) => `${command} ${option}`));
  }
  return faults;
}

it('have options of their commands alone', async () => {
  const texts = pages.map((page) => [page, readFileSync(page, 'utf8')] as const);
  expect(texts.flatMap(([, text]) => callsOf(text).flatMap(({ options }) => options)).length).toBeGreaterThan(80);
  for (const [page, text] of texts) expect(await unknown(text), page).toEqual([]);
});

it('are found in code and in sentences', async () => {
  const text =
    '```sh\nnpx mpdnn inspect net --gone 3   # --said\n```\nSay `mpdnn eval RUN\n--lost --json`.\n\n    mpdnn train --off\n';
  expect(await unknown(text)).toEqual(['inspect --gone', 'train --off', 'eval --lost']);
});
