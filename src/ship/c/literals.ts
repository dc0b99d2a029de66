/** Literals of C. */

/** A list in braces, broken into lines. */
export function listOf(values: Iterable<number | bigint>): string {
  const texts = Array.from(values, numberOf);
  if (texts.join(', ').length < 90) return `{${texts.join(', ')}}`;
  const lines: string[] = [];
  let line = '';
  for (const text of texts) {
    if (line.length + text.length > 116) {
      lines.push(line);
      line = '';
    }
    line += `${text},`;
  }
  return `{\n${[...lines, line].join('\n')}\n}`;
}

/** A number as a literal; C has no literals for the least integers of 32 and 64 bits. */
function numberOf(value: number | bigint): string {
  const exact = BigInt(value);
  if (exact === -(2n ** 31n)) return '-2147483647 - 1';
  if (exact === -(2n ** 63n)) return 'INT64_C(-9223372036854775807) - 1';
  if (exact === BigInt.asIntN(32, exact)) return `${exact}`;
  if (exact === BigInt.asUintN(32, exact)) return `${exact}u`;
  return exact === BigInt.asIntN(64, exact) ? `INT64_C(${exact})` : `UINT64_C(${exact})`;
}

/** A string literal; bytes beyond ASCII and special characters are octal escapes. */
export function quoted(text: string): string {
  const bytes = Array.from(new TextEncoder().encode(text), (byte) => {
    const character = String.fromCharCode(byte);
    return /[ -~]/.test(character) && !/["\\?]/.test(character) ? character : `\\${byte.toString(8).padStart(3, '0')}`;
  });
  return `"${bytes.join('')}"`;
}
