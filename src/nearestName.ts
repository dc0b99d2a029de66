/**
 * The known name meant by a misspelt one: the nearest by Levenshtein distance (letters inserted, removed or replaced).
 */

/** The known name nearest to `given`, at a distance of at most a third of its letters (or two). Case is ignored. */
export function nearestName(given: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let nearestDistance = Math.max(2, Math.floor(given.length / 3)) + 1;
  for (const name of known) {
    const distance = editDistance(given.toLowerCase(), name.toLowerCase());
    if (distance < nearestDistance && distance < name.length) {
      nearest = name;
      nearestDistance = distance;
    }
  }
  return nearest;
}

/** The number of letters to insert, remove or replace between two texts. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
