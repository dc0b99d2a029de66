/**
 * Finds a repeated key in an object of a JSON text. `JSON.parse` silently keeps the last one, so that other readers
 * might read the file differently.
 */

/** The first repeated key of valid JSON, or null. */
export function repeatedKey(json: string): string | null {
  /** Keys of the open objects; null for arrays. */
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(null);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const start = at;
      at = closingQuote(json, start);
      if (!isKey(json, at + 1)) continue;
      const key: string = JSON.parse(json.slice(start, at + 1));
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return null;
}

/** The position of the quote that ends the string beginning at `start`. */
function closingQuote(json: string, start: number): number {
  let at = start + 1;
  while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at;
}

/** Tells whether the string that ends before `at` is a key: a colon comes next. */
function isKey(json: string, at: number): boolean {
  let next = at;
  while (' \t\r\n'.includes(json[next]!)) next++;
  return json[next] === ':';
}
