import { InputError } from '../../errors.js';

/** The remedy before a training. */
export const replaceOrRemove = 'replace or remove it';

/** The error for an image that cannot be decoded; `remedy` says what would be right. */
export function undecodable(file: string, reason: string, remedy = replaceOrRemove): InputError {
  return new InputError(`${file}: cannot be decoded (${reason}); ${remedy}`);
}
