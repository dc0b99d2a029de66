/** Sections of settings as the text of a .cfg file, with remarks for those who edit it. */

import { documentedName } from './commandLine.js';

/** By key, in the order of the file. */
export type Lines = Map<string, { readonly value: string; readonly remark?: string }>;

/** The text; `sections` begin with DEFAULT. Every key is explained in docs/experiments.md. */
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
