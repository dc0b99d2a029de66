/** Keeps what the autotuner has found in a JSON file, by adapter. For Node only. */

import { constants } from 'node:fs';
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { TuningStore } from './tuning.js';

const schema = z.record(z.string(), z.record(z.string(), z.number().int().nonnegative()));

/** @param adapter tells devices apart whose best tiles may differ */
export async function tuningFile(path: string, adapter: string): Promise<TuningStore> {
  const save: TuningStore['save'] = async (tuning) => {
    const all = { ...(await contents(path)), [adapter]: tuning };
    // Renamed into place, so that a process beside this one never reads half a file.
    const temporary = `${path}.${process.pid}`;
    try {
      await writeFile(temporary, `${JSON.stringify(all, null, 2)}\n`);
      await rename(temporary, path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new Error(`${path}: cannot be written (${code}); --no-autotune does without it`, { cause: error });
    }
  };
  return {
    load: async () => (await contents(path))[adapter] ?? {},
    save: (await isWritable(dirname(path))) ? save : null,
  };
}

async function isWritable(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** A file that is missing or damaged only costs the time to tune again. */
async function contents(path: string): Promise<z.infer<typeof schema>> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return {};
  }
}
