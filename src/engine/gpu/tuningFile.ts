/** Keeps what the autotuner has found in a JSON file, by adapter. For Node only. */

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { TuningStore } from './tuning.js';

const schema = z.record(z.string(), z.record(z.string(), z.number().int().nonnegative()));

/** @param adapter tells devices apart whose best tiles may differ */
export function tuningFile(path: string, adapter: string): TuningStore {
  return {
    load: async () => (await contents(path))[adapter] ?? {},
    save: async (tuning) => {
      const all = { ...(await contents(path)), [adapter]: tuning };
      await mkdir(dirname(path), { recursive: true });
      // Renamed into place, so that a process beside this one never reads half a file.
      const temporary = `${path}.${process.pid}`;
      await writeFile(temporary, `${JSON.stringify(all, null, 2)}\n`);
      await rename(temporary, path);
    },
  };
}

/** A file that is missing or damaged only costs the time to tune again. */
async function contents(path: string): Promise<z.infer<typeof schema>> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return {};
  }
}
