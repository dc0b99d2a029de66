/** Glob patterns for names: `*` matches any letters, slashes too, or none; `?` matches exactly one letter. */

/**
 * Tells whether the whole of `name` matches `pattern`. Takes at most the product of both lengths in comparisons: on a
 * mismatch the last star takes one letter more, and no earlier star has to.
 */
export function matchesGlob(pattern: string, name: string): boolean {
  let at = 0;
  /** Position behind the last star, and the first letter that this star has not taken. */
  let star = { next: -1, end: 0 };
  let i = 0;
  while (i < name.length) {
    if (pattern[at] === '*') {
      at++;
      star = { next: at, end: i };
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === name[i])) {
      at++;
      i++;
    } else if (star.next >= 0) {
      star.end++;
      at = star.next;
      i = star.end;
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(at));
}
