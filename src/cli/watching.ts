/** `train --watch`: shows the runs of this process on a page while they train. */

import type { WatchServer } from '../watch/server.js';

export interface Watching {
  /** Shows another run, which may not have begun yet; `line` gets the page's address. */
  add(root: string, line: (text: string) => void): Promise<void>;
  close(): Promise<void>;
}

/** A page for the runs of this process; its server starts with the first run. */
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
