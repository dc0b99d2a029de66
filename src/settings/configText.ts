/** The text of a .cfg file with comments for those who edit it. */

import { documentedName } from './commandLine.js';

/** Values and comments by key, in the order of the file. */
export type Lines = Map<string, { readonly value: string; readonly remark?: string }>;

/** The text of sections, which begin with DEFAULT. docs/experiments.md explains every key. */
export function configText(summary: string, sections: ReadonlyMap<string, Lines>): string {
  const names = [...sections.keys()].filter((name) => name !== 'DEFAULT');
  const head = [
    `# ${summary}.`,
    '#',
    ...names.map((name) => `#     ${documentedName} train ${name} --cfg FILE`),
    '#',
    '# A remark has a line of its own. docs/experiments.md explains every key, also those that do not stand here.',
  ];
  const blocks = [...sections].map(([name, lines]) =>
    [`[${name}]`, ...[...lines].flatMap(([key, line]) => linesOf(key, line))].join('\n'),
  );
  return `${[head.join('\n'), ...blocks].join('\n\n')}\n`;
}

function linesOf(key: string, { value, remark }: { readonly value: string; readonly remark?: string }): string[] {
  const written = value.replaceAll('%', '%%').replaceAll('\n', '\n  ');
  return [...(remark === undefined ? [] : [`# ${remark}`]), `${key} = ${written}`];
}
