/**
 * File system errors in words. Node's own messages (`ENOENT: no such file or directory, stat 'x'`) do not say what
 * would be right, nor who is at fault.
 */
import { existsSync, lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { InputError } from '../errors.js';

/**
 * The error to throw if reading the file or folder at `path` failed: an `InputError` if the call named an unreadable
 * path, else the error itself.
 */
export function readFault(error: unknown, path: string): unknown {
  switch (codeOf(error)) {
    case 'ENOENT':
      return new InputError(isLink(path) ? `${path}: a link to a place where nothing is` : `${path}: no such file`);
    case 'ENOTDIR':
      return new InputError(`${path}: no such file, a part of this path is no folder`);
    case 'EISDIR':
      return new InputError(`${path}: is a folder, a file is wanted`);
    case 'EACCES':
    case 'EPERM':
      return new InputError(`${path}: no permission to read it`);
    default:
      return namingFault(error, path);
  }
}

/**
 * The error to throw if writing to `path` failed: an `InputError` if the call named an unwritable path, an `Error` with
 * a plain message if the disk is full, else the error itself. `remedy`: how the call names another place.
 */
export function writeFault(error: unknown, path: string, remedy = 'choose another folder with --out'): unknown {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new Error(`${path}: no space left on the disk; free some (a run goes on with --resume)`, { cause: error });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new InputError(`${path}: no permission to write; ${remedy}`);
    case 'EISDIR':
      return new InputError(`${path}: is a folder, a file is wanted; give another name`);
    case 'ENOTDIR':
    case 'EEXIST':
      return new InputError(`${path}: a file stands where a folder is needed; ${remedy}`);
    case 'ENOENT':
      // Places such as /proc refuse new files and folders by it.
      return existsSync(dirname(path))
        ? new InputError(`${path}: cannot be made here; ${remedy}`)
        : new Error(`${path}: its folder is gone`, { cause: error });
    default:
      return namingFault(error, path);
  }
}

/** The error for faults of the path that reading and writing share. */
function namingFault(error: unknown, path: string): unknown {
  switch (codeOf(error)) {
    case 'ELOOP':
      return new InputError(`${path}: a link that leads back to itself`);
    case 'ENAMETOOLONG':
      return new InputError(`${path}: longer than names of files may be here; choose a shorter one`);
    case 'ERR_INVALID_ARG_VALUE':
      return new InputError(`${path}: no path, it holds a null character`);
    case 'EIO':
      return new Error(`${path}: the disk reports a fault of its own (EIO)`, { cause: error });
    default:
      return error;
  }
}

/** The system's code of an error, such as `ENOENT`, or Node's; undefined for other errors. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code;
}

/** Tells whether an error says that there is nothing at a path. */
export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '');
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}
