/** Folders with copies of golden files, and engines held against them. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../src/engine/engine.js';
import { checkGolden, type FileReport } from '../src/golden/index.js';
import { temporaryFolder } from './temporaryFolder.js';

export const goldenFolder = 'test/golden';

export const unchanged = (text: string): string => text;

/** A folder with copies of golden files, changed as given. */
export function folderOf(files: Readonly<Record<string, (text: string) => string>>): string {
  const folder = temporaryFolder();
  for (const [file, change] of Object.entries(files)) {
    writeFileSync(join(folder, file), change(readFileSync(join(goldenFolder, file), 'utf8')));
  }
  return folder;
}

/** Checks an engine, and disposes of it. */
export async function check(engine: Engine, folder: string) {
  const reports: FileReport[] = [];
  try {
    const counts = await checkGolden(folder, engine, (report) => reports.push(report));
    return { reports, counts };
  } finally {
    await engine.dispose();
  }
}
