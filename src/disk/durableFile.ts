/**
 * Durable writing of files: a crash, a full disk or a power cut leaves either the old content or the new one, since
 * files are written under a temporary name, synced and renamed. File system errors are translated to words.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf, writeFault } from './fileFault.js';

/**
 * Replaces the file at `path` as a whole. Throws the error of `writeFault`, with its `remedy`; the old file then stays
 * unharmed.
 */
export function writeDurably(path: string, content: string | Uint8Array, remedy?: string): void {
  const aside = `${path}.${process.pid}.tmp`;
  try {
    writeAndSync(aside, 'w', content);
    renameSync(aside, path);
    syncFolder(dirname(path));
  } catch (error) {
    discard(aside);
    throw writeFault(error, path, remedy);
  }
}

/**
 * Removes temporary files that a killed {@link writeDurably} has left in a folder. No other process may write there.
 */
export function discardUnfinished(folder: string): void {
  for (const name of readdirSync(folder)) if (/\.\d+\.tmp$/.test(name)) discard(join(folder, name));
}

/** Appends to a file and syncs it. */
export function appendDurably(path: string, content: string): void {
  try {
    writeAndSync(path, 'a', content);
  } catch (error) {
    throw writeFault(error, path);
  }
}

/**
 * Makes a folder and its parents; returns those that did not exist, the uppermost first. (Node's recursive `mkdir` never
 * returns for places such as /proc, which refuse new folders with ENOENT.)
 *
 * @throws InputError if that is impossible, with the `remedy` of `writeFault`
 */
export function makeFolder(folder: string, remedy?: string): string[] {
  if (existsSync(folder)) return [];
  const above = makeFolder(dirname(folder), remedy);
  try {
    mkdirSync(folder);
    return [...above, folder];
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST' && existsSync(folder)) return above;
    // Another process has made it and removed it since.
    if (code === 'EEXIST' && !lstatSync(folder, { throwIfNoEntry: false }))
      return [...above, ...makeFolder(folder, remedy)];
    throw writeFault(error, folder, remedy);
  }
}

/** Removes the remains of a failed start. Ignores errors, since the first error is the one to report. */
export function discard(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {}
}

/** Syncs a folder, without which a rename in it may be lost. Windows cannot open folders, and does not need it. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function writeAndSync(path: string, flag: 'a' | 'w', content: string | Uint8Array): void {
  const descriptor = openSync(path, flag);
  try {
    writeFileSync(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
