/** Paths as users write them. Settings are read in browsers too, which have no paths, so nothing of Node is imported. */
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
  return `${homeFolder(text)}${text.slice(1)}`;
}

/** As `os.homedir` has it, but for accounts without any of these variables. */
function homeFolder(text: string): string {
  const { HOME, USERPROFILE } = globalThis.process?.env ?? {};
  const home = HOME || USERPROFILE;
  if (home) return home;
  throw new InputError(`${text}: HOME is not set; write out the path`);
}
