/** Runs of this process shown on a page while they train: `train --watch`. */

import type { WatchServer } from '../watch/server.js';

export interface Watching {
  /** Shows one more run, which need not have begun; `line` takes the address when there is one. */
  add(root: string, line: (text: string) => void): Promise<void>;
  close(): Promise<void>;
}

/** The server starts with the first run. */
export function watching(): Watching {
  const roots: string[] = [];
  let server: WatchServer | null = null;
  return {
    add: async (root, line) => {
      roots.push(root);
      if (server) return;
      const { serveRuns } = await import('../watch/server.js');
      server = await serveRuns(roots, { token: process.env.MPDNN_TOKEN });
      line(`watch it: ${server.url}`);
    },
    close: async () => server?.close(),
  };
}
