/**
 * Paths as users write them. Settings are read in browsers too, which have no paths, so nothing of Node is imported.
 */
import { InputError } from '../errors.js';

/**
 * The path that `text` means: a leading `~` is the home folder. A shell does not expand it in .cfg files and behind a
 * colon.
 *
 * @throws InputError for `~name`, another user's home, which only a shell can look up
 * @example userPath('~/pictures') // '/home/me/pictures'
 */
export function userPath(text: string): string {
  if (text !== '~' && !/^~[/\\]/.test(text)) {
    if (!text.startsWith('~')) return text;
    throw new InputError(`${text}: write out the home folder of another user (or ./${text} for a file of this name)`);
  }
  return `${homeFolder(text)}${text.slice(1)}`;
}

/** The home folder as by `os.homedir`, except for accounts without any of these variables. */
function homeFolder(text: string): string {
  const { HOME, USERPROFILE } = globalThis.process?.env ?? {};
  const home = HOME || USERPROFILE;
  if (home) return home;
  throw new InputError(`${text}: HOME is not set; write out the path`);
}
