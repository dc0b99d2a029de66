/** The shipped .cfg files. */

import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { InputError } from '../errors.js';
import type { PlannedSection } from '../runs/plan/planRuns.js';
import type { ConfigFile } from '../settings/index.js';
import { readConfigFile, shippedFolder } from '../settings/readConfigFile.js';
import type { TableRow } from './table.js';

/** A file of `configs/`, with a path relative to the current folder if it is below that. */
export function publishedConfig(name: string): ConfigFile {
  const path = `${shippedFolder}${name}`;
  if (!existsSync(path)) throw new InputError(`${path}: is missing from the program's own files; install it anew`);
  const near = relative(process.cwd(), path);
  return readConfigFile(near.startsWith('..') ? path : near);
}

/** The sections of the rows of a table. */
export function publishedSections(rows: readonly TableRow[]): PlannedSection[] {
  return rows.map(({ config, section }) => ({ file: publishedConfig(config), section }));
}
