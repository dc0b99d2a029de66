/**
 * Stores the autotuner's results in a JSON file, by adapter, for the present code of the GPU engine: other kernels have
 * other tiles and other times. For Node only.
 */

import { createHash } from 'node:crypto';
import { constants, readdirSync, readFileSync } from 'node:fs';
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { codeOf } from '../../disk/fileFault.js';
import type { TuningStore } from './tuning.js';

const schema = z.object({
  code: z.string(),
  adapters: z.record(z.string(), z.record(z.string(), z.number().int().nonnegative())),
});
type Adapters = z.infer<typeof schema>['adapters'];

/**
 * Opens a store.
 *
 * @param adapter distinguishes devices whose best tiles may differ
 * @param code distinguishes kernels; results of others are ignored, and replaced when results are saved
 */
export async function tuningFile(path: string, adapter: string, code = codeHash()): Promise<TuningStore> {
  const save: TuningStore['save'] = async (tuning) => {
    const all = { code, adapters: { ...(await contents(path, code)), [adapter]: tuning } };
    // Renamed into place, so that a concurrent process never reads half a file.
    const temporary = `${path}.${process.pid}`;
    try {
      await writeFile(temporary, `${JSON.stringify(all, null, 2)}\n`);
      await rename(temporary, path);
    } catch (error) {
      throw new Error(`${path}: cannot be written (${codeOf(error)}); --no-autotune does without it`, { cause: error });
    }
  };
  return {
    place: path,
    load: async () => (await contents(path, code))[adapter] ?? {},
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

/** The contents of the file. A file that is missing, damaged or of other code only costs the time to tune again. */
async function contents(path: string, code: string): Promise<Adapters> {
  try {
    const file = schema.parse(JSON.parse(await readFile(path, 'utf8')));
    return file.code === code ? file.adapters : {};
  } catch {
    return {};
  }
}

/** A hash of the GPU engine's files: its kernels, tiles and timing. */
function codeHash(): string {
  const folder = dirname(fileURLToPath(import.meta.url));
  const hash = createHash('sha256');
  const names = (readdirSync(folder, { recursive: true }) as string[]).filter((name) =>
    /(?<!\.test|\.d)\.[jt]s$/.test(name),
  );
  for (const name of names.sort()) hash.update(`${name}\n`).update(readFileSync(join(folder, name)));
  return hash.digest('hex').slice(0, 16);
}
