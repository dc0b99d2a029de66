/** Buttons that download the trained networks. */

import { element } from '../src/watch/page/dom.js';
import type { DownloadFile, DownloadKind } from './protocol.js';

const offered: Readonly<Record<DownloadKind, readonly [name: string, words: string]>> = {
  learned: ['Parameters', 'for mpdnn eval, predict and export'],
  packed: ['Packed file', 'integers, as small as the budget says, for a page'],
  c: ['C', 'the same integers as C99, for a microcontroller'],
  float: ['Float parameters', 'of the network before it learned bits'],
};

/** @param ask requests a file, which is passed to {@link save} */
export function filesPanel(ask: (kind: DownloadKind) => void): readonly HTMLElement[] {
  const rows = (Object.keys(offered) as DownloadKind[]).map((kind) => {
    const [name, words] = offered[kind];
    const button = element('button', { type: 'button', onclick: () => ask(kind) }, name);
    button.dataset.kind = kind;
    return element('div', {}, button, element('span', { className: 'words' }, words));
  });
  return [element('h2', {}, 'Take it with you'), element('div', { className: 'downloads' }, ...rows)];
}

export function save({ name, bytes }: DownloadFile): void {
  const address = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>]));
  element('a', { href: address, download: name }).click();
  // The browser needs some time to start reading it.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
