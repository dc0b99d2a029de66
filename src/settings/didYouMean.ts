/**
 * Finds what somebody meant who mistyped a key, a section or a value: the known name with the fewest letters inserted,
 * removed or replaced (Levenshtein's distance), if that is few enough.
 */

/**
 * The words `; did you mean 'NAME'?`, or an empty string if nothing known is near. Case does not count as a
 * difference. `folder` is put before the name, for files.
 */
export function didYouMean(given: string, known: readonly string[], folder?: string): string {
  const name = nearestName(given, known);
  if (name === undefined) return '';
  const inFolder = folder === undefined || folder === '.' ? name : `${folder.replace(/\/$/, '')}/${name}`;
  return `; did you mean '${inFolder}'?`;
}

/** The known name nearest to `given`, at most a third of its letters (two at least) away. */
function nearestName(given: string, known: readonly string[]): string | undefined {
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

/** The known names that have the part most like `given`, nearest first, at most `count` of them. */
export function namesLike(given: string, known: readonly string[], count: number): string[] {
  const distance = (name: string) => {
    const starts = Array.from({ length: Math.max(1, name.length - given.length + 1) }, (_, start) => start);
    return Math.min(...starts.map((start) => editDistance(given, name.slice(start, start + given.length))));
  };
  const near = known.map((name) => ({ name, distance: distance(name) })).sort((a, b) => a.distance - b.distance);
  return near.slice(0, count).map(({ name }) => name);
}

function editDistance(a: string, b: string): number {
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
