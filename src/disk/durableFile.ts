/**
 * Writing files so that a crash, a full disk or a cut of power leaves either the old content or the new one: written
 * aside, forced to the disk, renamed. Faults of the file system come out in words.
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
import { InputError } from '../errors.js';
import { writeFault } from './fileFault.js';

/** Replaces the file at `path` as a whole. Throws what `writeFault` makes of an error; the old file is then unharmed. */
export function writeDurably(path: string, content: string | Uint8Array): void {
  const aside = `${path}.${process.pid}.tmp`;
  try {
    writeAndSync(aside, 'w', content);
    renameSync(aside, path);
    syncFolder(dirname(path));
  } catch (error) {
    discard(aside);
    throw writeFault(error, path);
  }
}

/** Removes what {@link writeDurably} had written aside in a folder when it was killed. Nobody else may write there. */
export function discardUnfinished(folder: string): void {
  for (const name of readdirSync(folder)) if (/\.\d+\.tmp$/.test(name)) discard(join(folder, name));
}

/** Adds to the end of a file and forces it to the disk. */
export function appendDurably(path: string, content: string): void {
  try {
    writeAndSync(path, 'a', content);
  } catch (error) {
    throw writeFault(error, path);
  }
}

/**
 * Makes a folder and those above it; returns those that were not there, the uppermost first. Throws an `InputError` if
 * that is impossible. (Node's recursive `mkdir` never comes back from places that refuse new folders by claiming that
 * they are not there, such as /proc.)
 */
export function makeFolder(folder: string): string[] {
  if (existsSync(folder)) return [];
  const above = makeFolder(dirname(folder));
  try {
    mkdirSync(folder);
    return [...above, folder];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && existsSync(folder)) return above;
    // Another process has made it and removed it since.
    if (code === 'EEXIST' && !lstatSync(folder, { throwIfNoEntry: false })) return [...above, ...makeFolder(folder)];
    if (code === 'ENOENT') throw new InputError(`${folder}: cannot be made here; choose another folder with --out`);
    throw writeFault(error, folder);
  }
}

/** Removes what a failed start left. A fault of its own is passed over: the first fault is the one to report. */
export function discard(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {}
}

/** A rename is on the disk only once its folder is. Windows cannot open folders, and does not need it. */
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
