/** Empty folders for tests, all in the one that a run of Vitest makes and removes (`globalSetup.ts`). */

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'mpdnn-'));
}
