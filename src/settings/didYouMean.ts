/** Suggestions for a mistyped key, section or value. */

import { editDistance, nearestName } from '../nearestName.js';

/**
 * The words `; did you mean 'NAME'?`, or an empty string if no known name is near. Case is ignored. `folder` is put
 * before the name, for files.
 */
export function didYouMean(given: string, known: readonly string[], folder?: string): string {
  const name = nearestName(given, known);
  if (name === undefined) return '';
  const inFolder = folder === undefined || folder === '.' ? name : `${folder.replace(/\/$/, '')}/${name}`;
  return `; did you mean '${inFolder}'?`;
}

/** The known names nearest to `given` in any of their parts, nearest first, at most `count`. */
export function namesLike(given: string, known: readonly string[], count: number): string[] {
  const distance = (name: string) => {
    const starts = Array.from({ length: Math.max(1, name.length - given.length + 1) }, (_, start) => start);
    return Math.min(...starts.map((start) => editDistance(given, name.slice(start, start + given.length))));
  };
  const near = known.map((name) => ({ name, distance: distance(name) })).sort((a, b) => a.distance - b.distance);
  return near.slice(0, count).map(({ name }) => name);
}
