/**
 * Empty folders for tests. All lie in one that a run of Vitest makes before its first test and removes after its last,
 * with whatever else the tests, and the programs that they start, leave where temporary files go.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'mpdnn-'));
}

/** Vitest's global setup; its workers and their processes inherit the environment. An interrupted run ends here too. */
export function setup(): void {
  const parent = temporaryFolder();
  process.env.TMPDIR = parent;
  process.once('exit', () => rmSync(parent, { recursive: true, force: true }));
}
