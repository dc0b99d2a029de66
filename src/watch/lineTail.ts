/**
 * The lines of a run's `live.jsonl` as they are added, from any position on, so that whoever was away goes on without a
 * gap or a repetition. A file that is another one, or shorter, is read anew: its run has gone on from a checkpoint.
 * Runs of versions without such a file have the lines that their tables tell.
 */

import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { tableLines } from './tableLines.js';

export interface NewLines {
  readonly lines: readonly string[];
  /** True where they do not go on from the position, but begin the run anew. */
  readonly isAnew: boolean;
  /** The position behind them. */
  readonly position: string;
}

const CHUNK_BYTES = 1 << 20;

/** @param position where the last call ended; empty for the beginning */
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

/** Whole lines from an offset on: what is being written has no line break yet. */
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
