/** Parts of a parsed JSON document. Each function throws an `Error` that says what a part, called `what`, should be. */

/** An object. */
export function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error(`${what} is no object`);
}

/** A list, each item read by `item`. */
export function array<T>(value: unknown, what: string, item: (value: unknown) => T): T[] {
  if (Array.isArray(value)) return value.map(item);
  throw new Error(`${what} is no list`);
}

/** A text. */
export function text(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  throw new Error(`${what} is no text`);
}

/** A finite number. */
export function number(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new Error(`${what} is no number`);
}

/** An integer within limits. */
export function integer(value: unknown, what: string, least: number, most: number): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  throw new Error(`${what} is no whole number from ${least} to ${most}`);
}

/** One of some words. */
export function choice<const W extends string>(value: unknown, what: string, words: readonly W[]): W {
  const found = words.find((word) => word === value);
  if (found !== undefined) return found;
  throw new Error(`${what} is none of ${words.join(', ')}`);
}

/** Sizes of a tensor, of one axis at least, each at least 1. */
export function sizes(value: unknown, what: string): number[] {
  const axes = array(value, what, (size) => integer(size, what, 1, 2 ** 24));
  if (axes.length > 0) return axes;
  throw new Error(`${what} has no axes`);
}
