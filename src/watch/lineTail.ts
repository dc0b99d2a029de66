/**
 * The lines of a run's `live.jsonl` as they are added, from any position, so that a reader continues without gaps and
 * repetitions. A file that was replaced, or is shorter, is read from its beginning: its run was resumed from a
 * checkpoint. Runs of versions without such a file have lines made from their tables.
 */

import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { tableLines } from './tableLines.js';

export interface NewLines {
  readonly lines: readonly string[];
  /** True if the lines begin the run again instead of continuing at the position. */
  readonly isAnew: boolean;
  /** The position behind these lines. */
  readonly position: string;
}

const CHUNK_BYTES = 1 << 20;

/** @param position end of the last call; empty for the beginning */
export function newLines(root: string, position: string): NewLines {
  const path = join(root, 'live.jsonl');
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return linesOfTables(root, position);
  const [file, end] = position.split('-');
  const isSame = file === String(stat.ino) && Number(end) <= stat.size;
  const from = isSame ? Number(end) : 0;
  const text = readLines(path, from);
  return {
    lines: text.split('\n').slice(0, -1),
    isAnew: !isSame && position !== '',
    position: `${stat.ino}-${from + Buffer.byteLength(text)}`,
  };
}

/** Complete lines from an offset; a line that is being written has no line break yet. */
function readLines(path: string, from: number): string {
  const descriptor = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    const length = readSync(descriptor, buffer, 0, CHUNK_BYTES, from);
    return buffer.toString('utf8', 0, buffer.subarray(0, length).lastIndexOf('\n') + 1);
  } finally {
    closeSync(descriptor);
  }
}

function linesOfTables(root: string, position: string): NewLines {
  const written = statSync(join(root, 'results.csv'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const now = `tables-${written}`;
  if (now === position) return { lines: [], isAnew: false, position };
  return { lines: tableLines(root).map((line) => JSON.stringify(line)), isAnew: position !== '', position: now };
}
