/** Patterns for names: `*` stands for any letters, none and slashes too, `?` for exactly one. */

/**
 * Tells whether the whole of `name` fits `pattern`. Takes at most as many comparisons as the product of the two
 * lengths: a star that turns out to be too short takes one letter more, and only the last star ever has to.
 */
export function matchesGlob(pattern: string, name: string): boolean {
  let at = 0;
  /** Behind the last star, and the first letter that this star has not taken. */
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
