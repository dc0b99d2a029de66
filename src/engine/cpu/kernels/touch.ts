/**
 * Reads one word of each cache line. Tiles read memory in an order that the processor does not prefetch, and would wait
 * for every line; rows that are read sequentially before are in the cache.
 */
export function touch(p: usize, bytes: i32): void {
  const end = p + bytes;
  for (; p < end; p += 64) load<i32>(p);
}
