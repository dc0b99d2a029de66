/** Which of the two tiers of tests runs: see CONTRIBUTING.md. */

import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    isThorough: boolean;
  }
}

/**
 * True in `*.thorough.test.ts`, and in what they import. A file whose cases are a matrix has those of `npm test` outside of
 * them, and all of them where such a file imports it.
 */
export const isThorough = inject('isThorough');

/** All cases in the thorough tests, otherwise those that `isQuick` picks. */
export function tierOf<T>(all: readonly T[], isQuick: (each: T) => boolean): readonly T[] {
  return isThorough ? all : all.filter(isQuick);
}
