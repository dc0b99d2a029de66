/**
 * Reads one word a cache line. Tiles go through memory in an order that the machine does not foresee, and would wait for
 * every line; a row that is read straight through before comes in time.
 */
export function touch(p: usize, bytes: i32): void {
  const end = p + bytes;
  for (; p < end; p += 64) load<i32>(p);
}
