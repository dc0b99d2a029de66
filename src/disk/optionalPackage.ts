/** Optional packages, which are large and rarely needed: loaded on demand. */

import { MissingPackage } from '../errors.js';

/**
 * Imports a package by `load`.
 *
 * @throws MissingPackage that says how to install it if it is not installed
 */
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

/** Tells whether the package, or its binary for this system, is not installed. */
function isMissing(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND' || /^Could not load the "sharp"/.test(message);
}
