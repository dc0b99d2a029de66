/** Pictures of commands whose result does not depend on them: the packages that draw are optional. */

import { MissingPackage } from '../errors.js';

/** The result of `draw`; `null`, and a line says which package is missing, where pictures cannot be drawn. */
export async function ifDrawable<T>(draw: () => Promise<T>, line: (text: string) => void): Promise<T | null> {
  try {
    return await draw();
  } catch (error) {
    if (!(error instanceof MissingPackage)) throw error;
    line(`NOTE: no pictures: ${error.message}`);
    return null;
  }
}
