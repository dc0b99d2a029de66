/**
 * The server-sent events of a page: an overview of all runs when it changes, and the lines of those that it shows. An
 * event's id says how far each of these has been sent: a browser that reconnects sends the last one and gets what
 * follows. One stream serves all runs, since a browser opens few connections. Files are polled, since file system
 * notifications do not work on network disks.
 */

import type { ServerResponse } from 'node:http';
import { newLines } from './lineTail.js';

export interface Streamed {
  overviews(): readonly unknown[];
  /** Folders by name. */
  runs(): ReadonlyMap<string, string>;
  /** Names of the runs whose lines are sent. */
  readonly wanted: readonly string[];
  /** The id of the page's last event; empty for none. */
  readonly from: string;
}

const LINES_MS = 250;
const OVERVIEW_TURNS = 4;
/** Milliseconds after which a disconnected browser tries again. */
const RETRY_MS = 1000;

export function eventStream(response: ServerResponse, { overviews, runs, wanted, from }: Streamed): void {
  const positions = new URLSearchParams(from);
  for (const name of [...positions.keys()]) if (!wanted.includes(name)) positions.delete(name);
  const send = (event: string, data: readonly string[]): void => {
    const lines = data.map((line) => `data: ${line}\n`).join('');
    response.write(`event: ${event}\nid: ${positions}\n${lines}\n`);
  };
  let told = '';
  let turn = 0;
  const faults = new Map<string, string>();
  const sendLines = (name: string, root: string): void => {
    // A slow page gets more once it has taken what there is.
    while (!response.writableNeedDrain) {
      const { lines, isAnew, position } = newLines(root, positions.get(name) ?? '');
      positions.set(name, position);
      if (isAnew) send('anew', [name]);
      if (lines.length === 0) return;
      send('lines', [name, ...lines]);
    }
  };
  const look = (): void => {
    if (turn++ % OVERVIEW_TURNS === 0) {
      const now = JSON.stringify(overviews());
      if (now !== told) send('runs', [now]);
      told = now;
    }
    const roots = runs();
    for (const name of wanted) {
      const root = roots.get(name);
      try {
        if (root !== undefined) sendLines(name, root);
      } catch (error) {
        const { message } = error as Error;
        if (faults.get(name) !== message) send('fault', [name, message]);
        faults.set(name, message);
      }
    }
  };
  response.write(`retry: ${RETRY_MS}\n\n`);
  look();
  const timer = setInterval(look, LINES_MS);
  // Lets a proxy, or a laptop after sleep, notice that the connection is gone.
  const sign = setInterval(() => response.write(': still here\n\n'), 15_000);
  response.on('close', () => {
    clearInterval(timer);
    clearInterval(sign);
  });
}
