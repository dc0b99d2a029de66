/** Packages that are large and that few need: loaded when they are, and missed in words. */

import { MissingPackage } from '../errors.js';

/** Imports a package by `load`. Throws a `MissingPackage` that says how to install it where it is not there. */
export async function loadOptional<T>(name: string, purpose: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new MissingPackage(
      `the optional package ${name} is not installed: ${purpose}; get it with: npm install ${name}`,
      {
        cause: error,
      },
    );
  }
}

/** The package itself is not there, or the binary of this system that it is made of. */
function isMissing(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND' || /^Could not load the "sharp"/.test(message);
}
