/** Paths as users write them. */
import { homedir } from 'node:os';
import path from 'node:path';
import { InputError } from '../errors.js';

/**
 * The path that `text` means: a leading `~` is the home folder, as in a shell, which does not see the paths of a .cfg
 * file or behind a colon.
 * @throws InputError for `~name`, somebody else's home, which only a shell can look up
 * @example userPath('~/pictures') // '/home/me/pictures'
 */
export function userPath(text: string): string {
  if (text !== '~' && !/^~[/\\]/.test(text)) {
    if (!text.startsWith('~')) return text;
    throw new InputError(`${text}: write out the home folder of another user (or ./${text} for a file of this name)`);
  }
  return path.join(homedir(), text.slice(1));
}
