/** Empty folders for tests, all in the one that a run of Vitest makes and removes (`globalSetup.ts`). */

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const prefix = 'mpdnn-';

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), prefix));
}

export function isTemporaryFolder(path: string): boolean {
  return basename(path).startsWith(prefix);
}
