import { readFileSync } from 'node:fs';
import { readFault } from './fileFault.js';

/** The text of a file in UTF-8. Throws file system errors in words. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw readFault(error, path);
  }
}
